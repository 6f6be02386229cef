"""Mining many queries from scripted servers: the result, its independence of order, dying servers, full servers."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from scripted_mining import ScriptedServer, World, passes, run

from verl_reflect.mine.sampling import Sampled
from verl_reflect.mine.settings import MineSettings
from verl_reflect.records.journal import JournalError
from verl_reflect.records.transcripts import Judgement
from verl_reflect.serving.fleet import NoServerError

ROWS, SAMPLES = 30, 8


def fleet(seed: int = 0, **more: Any) -> list[ScriptedServer]:
    """Two servers whose requests take random times."""
    world, rng = World(ROWS), random.Random(seed)
    return [ScriptedServer(world, name, lambda query: rng.random() * 0.004, **more) for name in ("one", "two")]


def mined(out: Path, servers: Sequence[ScriptedServer], **more: Any) -> list[dict[str, Any]]:
    run(out, servers, rows=ROWS, **more)
    return pq.read_table(out).to_pylist()


def passed(query: int, samples: int = SAMPLES) -> int:
    return sum(passes(query, number, ROWS) for number in range(samples))


def test_a_row_is_the_input_with_a_failure_its_tokens_and_the_pass_rate(tmp_path: Path) -> None:
    rows = mined(tmp_path / "failures.parquet", fleet())
    assert [row["extra_info"]["index"] for row in rows] == [i for i in range(ROWS) if passed(i) < SAMPLES]
    for row in rows:
        query = row["extra_info"]["index"]
        assert list(row)[:4] == ["data_source", "prompt", "reward_model", "extra_info"]
        assert row["first_attempt_ids"][0] == query and row["first_attempt_ids"][2] == 0, "an answer that failed"
        assert row["first_attempt"] == " ".join(map(str, row["first_attempt_ids"]))
        assert (row["pass_rate"], row["samples"]) == (passed(query) / SAMPLES, SAMPLES)


def test_the_bytes_do_not_depend_on_the_order_of_completion(tmp_path: Path) -> None:
    orders, written = [], []
    for seed in range(3):
        out, order = tmp_path / str(seed) / "failures.parquet", []
        run(out, fleet(seed), rows=ROWS, on_sampled=lambda sampled, order=order: order.append(sampled.query))
        orders.append(order)
        written.append((out.read_bytes(), (out.parent / "failures.card.json").read_bytes()))
    assert orders[0] != orders[1] != orders[2], "the order must differ for this to say anything"
    assert len(set(written)) == 1


def test_the_seed_decides_which_failure_is_kept(tmp_path: Path) -> None:
    numbers = {
        seed: [
            row["first_attempt_ids"][1]
            for row in mined(tmp_path / f"{seed}.parquet", fleet(), settings=MineSettings(samples=8, seed=seed))
        ]
        for seed in (1, 2)
    }
    assert numbers[1] != numbers[2]
    assert len(set(numbers[1])) > 3, "not always the first"


def test_several_failures_of_a_query_are_different_answers(tmp_path: Path) -> None:
    rows = mined(tmp_path / "failures.parquet", fleet(), settings=MineSettings(samples=8, keep=3))
    for query in range(ROWS):
        kept = [tuple(row["first_attempt_ids"]) for row in rows if row["extra_info"]["index"] == query]
        assert len(kept) == len(set(kept)) == min(3, SAMPLES - passed(query))


def test_sampling_stops_after_enough_failures(tmp_path: Path) -> None:
    servers = fleet()
    rows = mined(tmp_path / "failures.parquet", servers, settings=MineSettings(samples=8, stop_after=1, wave=2))
    wanted = {}
    for query in range(ROWS):
        waves = (2, 4, 6, 8)
        wanted[query] = next((n for n in waves if passed(query, n) < n), 8)
    assert dict(servers[0].world.asked) == wanted and len(set(wanted.values())) > 2
    assert all(row["samples"] == wanted[row["extra_info"]["index"]] for row in rows)


def test_pass_rates_choose_the_queries_and_the_journal_is_used_again(tmp_path: Path) -> None:
    out = tmp_path / "failures.parquet"
    mined(out, fleet())
    again = fleet()
    rows = mined(out, again, settings=MineSettings(samples=8, min_pass_rate=0.25, max_pass_rate=0.75))
    assert not again[0].world.asked, "nothing is sampled again for another choice"
    assert {row["extra_info"]["index"] for row in rows} == {i for i in range(ROWS) if 2 <= passed(i) <= 6}


def test_the_card_counts(tmp_path: Path) -> None:
    out = tmp_path / "failures.parquet"
    counts = run(out, fleet(), rows=ROWS)
    card = json.loads((tmp_path / "failures.card.json").read_text())["mined"]
    rates = [passed(i) / SAMPLES for i in range(ROWS)]
    assert card["counts"] == counts
    assert counts["never_passed"] == rates.count(0) and counts["always_passed"] == rates.count(1)
    assert counts["never_passed"] + counts["sometimes_passed"] + counts["always_passed"] == counts["queries"] == ROWS
    assert counts["answers"] == ROWS * SAMPLES and counts["answer_tokens"] == 3 * ROWS * SAMPLES
    assert sum(counts["failures_by_category"].values()) == counts["failures"] == sum(8 - passed(i) for i in range(ROWS))
    assert card["pass_at"]["1"] == pytest.approx(sum(rates) / ROWS, abs=1e-5)
    assert card["pass_at"]["8"] == pytest.approx(sum(rate > 0 for rate in rates) / ROWS, abs=1e-5)


def test_all_answers_of_a_query_come_from_one_server_and_both_have_work(tmp_path: Path) -> None:
    one, two = fleet()
    mined(tmp_path / "failures.parquet", [one, two])
    assert not set(one.served) & set(two.served)
    assert min(len(one.served), len(two.served)) > ROWS * SAMPLES / 4


def test_a_dead_servers_work_goes_elsewhere(tmp_path: Path) -> None:
    one, two = fleet()
    one.dies_after = 40
    counts = run(tmp_path / "failures.parquet", [one, two], rows=ROWS, in_flight=16)
    assert counts["given_up"] == 0 and counts["answers"] == ROWS * SAMPLES
    assert len(one.served) == 40 and 0 < one.refused <= 16 + SAMPLES, "nobody asks a dead server twice"


def test_a_query_that_servers_choke_on_is_reported_and_tried_again(tmp_path: Path) -> None:
    out, reported = tmp_path / "failures.parquet", []
    counts = run(out, fleet(chokes_on=[3]), rows=ROWS, on_sampled=reported.append)
    assert counts["given_up"] == 1 and counts["answers"] == (ROWS - 1) * SAMPLES
    [given_up] = [each for each in reported if each.error]
    assert given_up.query == 3 and "3 requests failed, the last with ValueError: cannot take 3" in given_up.error
    healed = fleet()
    assert run(out, healed, rows=ROWS)["given_up"] == 0
    assert set(healed[0].world.asked) == {3}, "and nothing else"


def test_without_a_server_it_ends_and_goes_on_later(tmp_path: Path) -> None:
    out, servers = tmp_path / "failures.parquet", fleet(dies_after=60)
    with pytest.raises(NoServerError, match=r"No server is left; one, two died\."):
        run(out, servers, rows=ROWS)
    assert not out.exists()
    rest = fleet()
    done = out.with_suffix(".journal.jsonl").read_text().count("\n") - 1
    assert done > 0
    assert run(out, rest, rows=ROWS)["answers"] == ROWS * SAMPLES
    assert len(rest[0].world.asked) == ROWS - done


def test_one_long_answer_idles_nobody(tmp_path: Path) -> None:
    world, order = World(ROWS), []
    slow = ScriptedServer(world, seconds=lambda query: 1.0 if query == 0 and world.asked[0] == 1 else 0.001)
    run(tmp_path / "f.parquet", [slow], rows=ROWS, on_sampled=lambda sampled: order.append(sampled.query))
    assert order[-1] == 0 and len(order) == ROWS, "all others were done while it waited"


def test_queries_in_flight_are_bounded_and_enough(tmp_path: Path) -> None:
    servers = fleet()
    run(tmp_path / "f.parquet", servers, rows=ROWS, in_flight=20)
    assert 20 <= servers[0].world.most_running < 20 + SAMPLES


def test_answers_without_a_verdict_count_neither_way(tmp_path: Path) -> None:
    async def unsure(response: str, **_: Any) -> Judgement:
        query, number, passes = map(int, response.split())
        error = "took too long" if number % 2 or query == 5 else ""
        return Judgement(float(passes), bool(passes) and not error, "wrong", error)

    out, reported = tmp_path / "f.parquet", []
    counts = run(out, fleet(), rows=ROWS, verifier=unsure, on_sampled=reported.append)
    assert counts["without_verdict"] == 1 and counts["answers_without_verdict"] == (ROWS - 1) * 4 + 8
    even = {i: sum(passes(i, n, ROWS) for n in (0, 2, 4, 6)) / 4 for i in range(ROWS)}
    rows = pq.read_table(out).to_pylist()
    assert {row["extra_info"]["index"]: row["pass_rate"] for row in rows} == {
        i: rate for i, rate in even.items() if rate < 1 and i != 5
    }
    assert all(each.unjudged_why == "took too long" for each in reported)


def test_a_prompt_that_is_too_long_is_not_asked(tmp_path: Path) -> None:
    servers = fleet()
    with pytest.raises(ValueError, match="There is no failure to write"):
        run(tmp_path / "f.parquet", servers, rows=ROWS, longest_prompt=0)
    assert not servers[0].world.asked


def test_an_error_of_ours_ends_the_run_at_once(tmp_path: Path) -> None:
    def fail(sampled: Sampled) -> None:
        raise OSError("No space left on device")

    servers = fleet()
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path / "f.parquet", servers, rows=ROWS, on_sampled=fail)
    assert servers[0].world.asked.total() < ROWS * SAMPLES / 2


def test_a_journal_of_other_settings_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "failures.parquet"
    run(out, fleet(), rows=ROWS)
    with pytest.raises(JournalError, match="belongs to a run with other settings; remove it to start anew"):
        run(out, fleet(), rows=ROWS, settings=MineSettings(samples=4))
