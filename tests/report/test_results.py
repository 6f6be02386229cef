"""The report's numbers, on runs small enough to count by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from report_folders import PASS, Line, blind, failures, group, line, said, write_evaluation, write_run
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage

from verl_reflect.evaluate.table import success_grids
from verl_reflect.records.transcripts import Transcript
from verl_reflect.report.advantage import advantages
from verl_reflect.report.browser import MAX_ITEMS, browser
from verl_reflect.report.cost import Cost, costs
from verl_reflect.report.curves import reflection_curves, training_curves, validation_curves
from verl_reflect.report.errors import error_counts
from verl_reflect.report.markdown import markdown
from verl_reflect.report.measures import difference, share
from verl_reflect.report.reading import Subject, read_sources
from verl_reflect.report.results import comparisons, rows
from verl_reflect.report.sayings import Saying, sayings
from verl_reflect.report.session import ShownSession
from verl_reflect.report.story import story
from verl_reflect.statistics import Estimate, rate


def run(folder: Path, before: list[Line], after: list[Line]) -> str:
    return str(write_run(folder, {0: before, 40: after}))


def one(tmp_path: Path, before: list[Line], after: list[Line]) -> list[Subject]:
    return read_sources([run(tmp_path / "run", before, after)])


def test_a_second_try_on_known_failures_stands_alone(tmp_path: Path) -> None:
    sources = one(tmp_path, failures(True, False, False, False), failures(True, True, True, False))
    [row] = rows(sources)
    assert row.measure.name == "Second try after reflecting" and row.measure.known_failures and row.items == 4
    assert row.before == rate([True, False, False, False]) and row.after == rate([True, True, True, False])
    assert row.gain is not None and row.gain.value == 0.5 and row.seeds == ()


def test_attempts_that_the_model_makes_have_a_first_try_and_a_sum_of_both(tmp_path: Path) -> None:
    solved = line(index=0, first_try=PASS, own_attempt=True)
    sources = one(tmp_path, [solved, *failures(False, False)[1:]], [solved, *failures(False, True)[1:]])
    first, both = rows(sources)
    assert (first.measure.name, both.measure.name) == ("First try", "Within two tries after reflecting")
    assert first.before is not None and first.after is not None and both.after is not None
    assert (first.before.value, first.after.value, both.after.value) == (0.5, 0.5, 1.0)


def test_an_item_that_was_sampled_often_counts_once(tmp_path: Path) -> None:
    sampled = [*failures(True, False), *failures(True, True), *failures(True, False), *failures(True, True)]
    [row] = rows(one(tmp_path, [], sampled))
    assert row.items == 2 and row.after is not None and row.after.value == 0.75
    assert row.after.high == 1.0 and row.after.low == pytest.approx(0.75 - 1.96 * 0.25, abs=1e-3)


def rewrite(folder: Path, change: Callable[[Any], object]) -> str:
    """Change the results in an evaluation's summary, and return the folder."""
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    change(summary["results"][0])
    path.write_text(json.dumps(summary))
    return str(folder)


def of_another_kind(results: Any) -> None:
    """Numbers that nobody can count from the transcripts."""
    for number, each in enumerate(results["accuracies"]):
        each |= {"accuracy": {"value": number / 100, "low": 0.0, "high": 1.0}, "items": 70 + number}
    for each in results["contrasts"]:
        each["change"]["difference"] = {"value": 0.77, "low": 0.7, "high": 0.8}


def evaluated(folder: Path) -> Path:
    solved = line(index=2, first_try=PASS, own_attempt=True)
    reflected = [*failures(True, False, own_attempt=True), solved]
    retried = [*failures(False, False, own_attempt=True, reflection=None), solved]
    return write_evaluation(folder, {"reflect": reflected, "blind": retried})


def test_an_evaluations_numbers_are_those_that_it_counted_itself(tmp_path: Path) -> None:
    base = rewrite(evaluated(tmp_path / "base"), of_another_kind)
    tuned = str(evaluated(tmp_path / "tuned"))
    found = {(row.label, row.measure.name): row for row in rows(read_sources([base, tuned]))}
    first, both = found["base", "First try"], found["base", "Within two tries after reflecting"]
    assert (first.after, first.items) == (Estimate(0.0, 0.0, 1.0), 70)
    assert (both.after, both.items) == (Estimate(0.01, 0.0, 1.0), 71)
    later = found["tuned", "Within two tries after reflecting"]
    assert later.before == both.after and later.after == rate([True, False, True]) and later.items == 3


def test_an_evaluations_controls_are_compared_where_the_first_try_failed(tmp_path: Path) -> None:
    sources = read_sources([rewrite(evaluated(tmp_path / "eval"), of_another_kind)])
    [found] = comparisons(sources)
    assert (found.measure.name, found.than.name, found.gain) == (
        "Second try after reflecting",
        "Second try without reflecting",
        Estimate(0.77, 0.7, 0.8),
    )
    assert story(sources).endswith(
        "Where its first try failed, “eval” is 77.0 (70.0 to 80.0) points better after reflecting than without "
        "reflecting."
    )


def test_known_failures_have_the_evaluations_second_try_on_failures(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "eval", {"reflect": failures(True, False)})
    [row] = rows(read_sources([rewrite(folder, of_another_kind)]))
    assert row.measure.known_failures and (row.after, row.items) == (Estimate(0.0, 0.0, 1.0), 70)


def test_evaluations_that_share_a_label_are_counted_together(tmp_path: Path) -> None:
    folders = [rewrite(evaluated(tmp_path / name), of_another_kind) for name in ("eval-1", "eval-2")]
    sources = read_sources(folders)
    assert [row.items for row in rows(sources)] == [3, 3, 3]
    assert [each.measure.name for each in comparisons(sources)] == ["Within two tries after reflecting"]


def test_the_share_of_nothing_is_unknown_and_of_half_an_item_is_anything() -> None:
    assert share({}) is None
    half = share({(0, "task"): 0.5})
    assert half is not None and (half.value, half.low, half.high) == (0.5, 0.0, 1.0)


def test_a_difference_needs_two_items_that_both_have() -> None:
    one_item, two = {(0, "a"): 1.0}, {(0, "a"): 0.0, (1, "b"): 0.0}
    assert difference(one_item, two) is None
    assert difference({(0, "another task"): 1.0, (1, "b"): 1.0}, two) is None


def test_seeds_share_a_row_that_lists_the_gain_of_each(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "trained-1", failures(False, False), failures(True, False)),
        run(tmp_path / "trained-2", failures(False, False), failures(True, True)),
    ]
    [row] = rows(read_sources(folders))
    assert row.label == "trained" and row.items == 2 and row.gain is not None and row.gain.value == 0.75
    assert [gain.value for gain in row.seeds] == [0.5, 1.0]


def trained_and_shuffled(tmp_path: Path) -> list[Subject]:
    return read_sources(
        [
            run(tmp_path / "trained", failures(*[False] * 8), [*failures(*[True] * 8), *blind(*[False] * 8)]),
            run(tmp_path / "shuffled", failures(*[True] * 2, *[False] * 6), failures(*[False] * 2, True, *[False] * 5)),
        ]
    )


def test_reflecting_is_compared_with_its_control_and_with_the_other_label(tmp_path: Path) -> None:
    found = comparisons(trained_and_shuffled(tmp_path))
    assert [(each.label, each.other, each.than.name, each.gain.value) for each in found] == [
        ("trained", "trained", "Second try without reflecting", 1.0),
        ("trained", "shuffled", "Second try after reflecting", 0.875),
    ]


def test_the_paragraph_claims_no_change_whose_interval_includes_zero(tmp_path: Path) -> None:
    told = story(trained_and_shuffled(tmp_path))
    assert told.startswith(
        "Second try after reflecting, on 8 tasks that the model had failed: “trained” went from 0.0 %"
    )
    assert (
        "to 100.0 %, a rise of 100.0 (100.0 to 100.0) points; “shuffled” went from 25.0 % to 12.5 %, which may" in told
    )
    assert "chance: the interval of −12.5 (−56.9 to +31.9) points includes zero." in told
    assert "“trained” is 100.0 (100.0 to 100.0) points better after reflecting than without reflecting." in told
    assert "“trained” is 87.5 (63.0 to 100.0) points better than “shuffled”." in told


def test_a_control_that_does_as_well_is_said_to_do_so(tmp_path: Path) -> None:
    told = story(one(tmp_path, [], [*failures(True, False, True), *blind(False, False, True)]))
    unsure = "On the same tasks it cannot be said whether “run” is better after reflecting than without reflecting:"
    assert f"{unsure} the interval of" in told


def test_without_reflections_there_is_no_paragraph(tmp_path: Path) -> None:
    assert story(one(tmp_path, blind(False), blind(True))) == ""


def test_the_markdown_table_has_the_same_numbers_and_no_markup_of_a_models(tmp_path: Path) -> None:
    folders = [f"a|b*={run(tmp_path / 'run', failures(False, False), failures(True, True))}"]
    table = markdown(read_sources(folders)).splitlines()
    assert table[4].startswith(r"| a\|b\* | Second try after reflecting (countdown/reflect) | 2 | 0.0 (0.0 to 65.8) |")
    assert table[4].endswith("| +100.0 (+100.0 to +100.0) | — |")


def test_the_markdown_of_an_evaluation_has_the_tables_that_it_printed(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "exam", {"reflect": failures(True, False, True), "blind": blind(False, False)})
    [source] = read_sources([str(folder)])
    tables = [grid.markdown().strip() for found in source.results for grid in success_grids(found)]
    assert any("blind retry" in table for table in tables)
    assert all(f"exam: {table}\n" in markdown([source]) for table in tables)


def test_errors_are_shares_of_all_tries(tmp_path: Path) -> None:
    sources = one(tmp_path, failures(False, False), failures(True, False))
    [count] = error_counts(sources)
    assert (count.category, count.before, count.after) == ("missed_target", 1.0, 0.5)


def test_wordings_are_counted_without_their_numbers() -> None:
    plan, vague = said("Add 3 and 4 ."), said("I was careless .")
    lines = [*failures(True, reflection=plan), *failures(False, reflection=said("Add 5 and 12 ."))]
    lines += failures(False, False, False, reflection=vague) + failures(True, reflection=said("Only once ."))
    found = sayings([ShownSession.of(Transcript.read({**each, "condition": "reflect"})) for each in lines])
    assert found == [Saying("I was careless .", 3, 0.5, 0.0), Saying("Add # and # .", 2, 2 / 6, 0.5)]


def test_cost_counts_what_was_written_and_what_was_trained(tmp_path: Path) -> None:
    reflection, retry = 5, 8
    folder = write_run(
        tmp_path / "run",
        rollouts={1: group(True, False), 2: group(True, True)},
        metrics=[(0, {}), (1, {"timing_s/step": 2.0}), (2, {"timing_s/step": 3.0})],
    )
    [cost] = costs(read_sources([str(folder)]))
    assert cost == Cost("run", 2, 4, generated=4 * (reflection + retry), trained=4 * reflection, seconds=5.0)


def test_an_attempt_that_the_session_made_is_paid_for_too(tmp_path: Path) -> None:
    own = [{**each, "own_attempt": True} for each in group(True)]
    [cost] = costs(read_sources([str(write_run(tmp_path / "run", rollouts={1: own}))]))
    assert (cost.generated, cost.trained, cost.seconds) == (8 + 5 + 8, 5, None)


def test_a_curve_is_the_mean_of_its_seeds_with_the_lowest_and_the_highest(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "trained-1", failures(False, False), failures(True, False)),
        run(tmp_path / "trained-2", failures(False, False), failures(True, True)),
    ]
    [curve] = validation_curves(read_sources(folders))
    assert curve.lines[0].points == ((0, 0.0, 0.0, 0.0), (40, 0.75, 0.5, 1.0))
    [alone] = validation_curves(read_sources(folders[:1]))
    expected = rate([True, False])
    assert alone.lines[0].points[1] == (40, 0.5, expected.low, expected.high)
    assert curve.name == "second-try-after-reflecting-countdown-reflect"


def test_length_and_diversity_of_reflections_over_steps(tmp_path: Path) -> None:
    first = [*group(True, False, uid="a", says=["x", "x"]), *group(True, False, uid="b", says=["x", "y z"])]
    folder = write_run(tmp_path / "run", rollouts={1: first, 2: group(True, False, says=["x", "y"])})
    length, diversity = reflection_curves(read_sources([str(folder)]))
    assert [point[1] for point in length.lines[0].points] == [2.25, 2.0]
    assert [point[1] for point in diversity.lines[0].points] == [0.75, 1.0]


def test_the_reward_of_training_comes_from_verls_log(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", metrics=[(0, {}), (1, {"reflect/acc": 0.25}), (2, {"reflect/acc": 0.5})])
    [curve] = training_curves(read_sources([str(folder)]))
    assert [point[:2] for point in curve.lines[0].points] == [(1, 0.25), (2, 0.5)]


def test_one_validation_makes_no_curve(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {0: failures(True, False)})
    assert validation_curves(read_sources([str(folder)])) == []


@pytest.mark.parametrize("rewards", [[1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 0.0], [1.0, 1.0], [1.0]])
@pytest.mark.parametrize("by_std", [True, False])
def test_advantages_are_verls(rewards: list[float], by_std: bool) -> None:
    expected, _ = compute_grpo_outcome_advantage(
        torch.tensor(rewards)[:, None],
        torch.ones(len(rewards), 1),
        ["group"] * len(rewards),  # type: ignore[arg-type]
        norm_adv_by_std_in_grpo=by_std,
    )
    assert advantages(rewards, by_std) == pytest.approx(expected[:, 0].tolist(), abs=1e-5)


def test_items_are_sorted_into_four_outcomes(tmp_path: Path) -> None:
    sources = one(tmp_path, failures(False, True, False, True), failures(True, False, False, True))
    shown = browser(sources).data["items"]
    assert [item["status"] for item in shown] == ["fixed", "broken", "wrong", "solved"]


def test_without_anything_before_the_outcome_is_the_second_trys(tmp_path: Path) -> None:
    solved = line(index=2, first_try=PASS)
    folder = write_evaluation(tmp_path / "eval", {"reflect": [*failures(True, False), solved]})
    shown = browser(read_sources([str(folder)])).data["items"]
    assert [item["status"] for item in shown] == ["fixed", "wrong", "solved"]
    assert all(item["before"] is None for item in shown)


def test_a_group_has_the_advantage_of_each_reflection_the_best_first(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", rollouts={1: group(False, True, False, False)})
    [shown] = browser(read_sources([str(folder)])).data["groups"]
    assert shown["status"] == "mixed" and shown["shared"]
    assert [(member["reward"], round(member["push"], 2)) for member in shown["members"]] == [
        (1.0, 1.5),
        (0.0, -0.5),
        (0.0, -0.5),
        (0.0, -0.5),
    ]


def test_a_penalty_is_part_of_the_reward_and_not_of_the_success(tmp_path: Path) -> None:
    lines = group(True, True)
    lines[1]["metrics"]["penalty"] = 0.25
    [source] = read_sources([str(write_run(tmp_path / "run", rollouts={1: lines}))])
    [shown] = browser([source]).data["groups"]
    assert shown["status"] == "all"
    assert [(each["paid"], round(each["push"], 2)) for each in shown["members"]] == [(1.0, 0.71), (0.75, -0.71)]


def test_only_the_first_and_the_last_training_step_are_shown(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", rollouts={step: group(True, False) for step in (1, 2, 3)})
    assert [shown["step"] for shown in browser(read_sources([str(folder)])).data["groups"]] == [1, 3]


def test_too_many_items_are_thinned_out_evenly(tmp_path: Path) -> None:
    [source] = one(tmp_path, [], failures(True))
    many = Subject("run", "", after=list(source.after) * (2 * MAX_ITEMS))
    shown = browser([many])
    assert (len(shown.data["items"]), shown.items) == (MAX_ITEMS, 2 * MAX_ITEMS)


def test_a_text_that_recurs_is_stored_once(tmp_path: Path) -> None:
    texts = browser(one(tmp_path, failures(False, True), failures(True, True))).data["texts"]
    assert len(texts) == len(set(texts)) == 5  # task (also the retry's), request, attempt, reflection, retry
