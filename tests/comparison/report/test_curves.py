"""What runs logged, and its course over seeds."""

from pathlib import Path

from mtl.comparison.report.curves import curve, logged, mean_of


def test_logs_of_a_resumed_run_are_one_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv-2").mkdir()
    (tmp_path / "csv" / "metrics.csv").write_text("epoch,step,x\n0,1,1.0\n,2,2.0\n,3,nan\n,4")
    (tmp_path / "csv-3").mkdir()
    (tmp_path / "csv-3" / "metrics.csv").write_bytes(b"\xff\xfe\x00,step\n\xff")  # damaged: says nothing
    (tmp_path / "csv-2" / "metrics.csv").write_text("epoch,step,x\n,2,5.0\n1,4,7.0\n")
    assert logged(tmp_path) == {"x": {1: 1.0, 2: 5.0, 4: 7.0}}
    assert logged(tmp_path / "nothing") == {}


def test_a_curve_is_over_the_steps_that_all_seeds_have() -> None:
    runs = [{"x": {1: 1.0, 2: 2.0}}, {"x": {1: 3.0, 3: 9.0}}, {"y": {1: 0.0}}]
    found = curve(runs, "x")
    assert found is not None
    assert (found.steps.tolist(), found.mean.tolist(), found.low.tolist(), found.high.tolist()) == (
        [1],
        [2.0],
        [1.0],
        [3.0],
    )
    assert curve(runs, "z") is None
    assert mean_of(runs, "x") == 15 / 4
