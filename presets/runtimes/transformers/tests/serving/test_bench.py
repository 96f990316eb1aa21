"""What the benchmark makes of what it measured."""

from bench.report import Setting, as_json, goals
from bench.rounds import Figures, prompts


def test_goals_are_medians_of_the_ratios_of_each_round() -> None:
    figures = Figures(
        pipeline={1: [10.0, 20.0, 10.0], 4: [1.0] * 3, 16: [1.0] * 3},
        server={1: [9.0, 30.0, 5.0], 4: [1.0] * 3, 16: [27.0, 60.0, 20.0]},
        pipeline_first=[0.1] * 3,
        server_first={1: [0.1] * 3, 4: [0.1] * 3, 16: [0.1] * 3},
    )

    assert figures.ratios(1) == [0.9, 1.5, 0.5]
    assert figures.gains(16) == [3.0, 2.0, 4.0]
    assert list(goals(figures).values()) == [True, True]
    setting = Setting("the CPU", 1, "float32", 3, 64, 1, 1, None)
    told = as_json(figures, setting)
    assert told["server_by_pipeline"]["1"] == {"median": 0.9, "min": 0.5, "max": 1.5}


def test_all_prompts_are_different() -> None:
    assert len(set(prompts(32))) == 32
