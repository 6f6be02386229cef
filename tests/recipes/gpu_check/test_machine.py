"""What a machine is called."""

from recipes.gpu_check import machine


def test_equal_cards_are_counted() -> None:
    listed = "NVIDIA H200, 143771 MiB, 580.1\n" * 2 + "NVIDIA L4, 23034 MiB, 580.1\n"
    assert machine.cards(listed) == "2 x NVIDIA H200, 143771 MiB, 580.1; 1 x NVIDIA L4, 23034 MiB, 580.1"
    assert machine.cards("") == "none"


def test_a_machine_is_described_with_what_is_installed_and_nothing_else() -> None:
    told = machine.description()
    assert told["verl"] == "0.9.1" and "torch" in told and "sglang" not in told
    assert " cores (" in told["processor"] and told["cards"]
