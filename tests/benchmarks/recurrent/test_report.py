"""The report shows every cell of the table, those that lose too, and judges the targets by ratios of medians."""

from pathlib import Path

from benchmarks.recurrent.cases import Case
from benchmarks.recurrent.measure import Timing
from benchmarks.recurrent.report import markdown, plot, ratio

LARGE = Case("LSTM", "training", 64, 200, 128, 256)
SMALL = Case("LSTM", "training", 1, 100, 128, 128)


def _timings(**milliseconds: tuple[float, ...]) -> dict[str, Timing]:
    return {name.replace("_", " "): Timing(values, 0.0) for name, values in milliseconds.items()}


RESULTS = {
    LARGE: _timings(
        ours_float32=(100.0, 110.0, 400.0), keras=(220.0, 209.0, 230.0), torch=(55.0, 50.0, 60.0)
    ),
    SMALL: _timings(ours_float32=(2.0, 2.0, 2.0), keras=(1.0, 1.0, 1.0)),
}


def test_a_ratio_is_one_of_medians() -> None:
    assert ratio(RESULTS[LARGE], "ours float32", "keras") == 2.0
    assert ratio(RESULTS[LARGE], "ours float32", "onnxruntime") is None


def test_every_timing_and_every_ratio_stands_in_the_table() -> None:
    report = markdown(RESULTS, "A machine.")
    assert (
        "| 64, 200, 128, 256 | 110.00 [100.00..400.00] | 220.00 [209.00..230.00] | 55.00 [50.00..60.00]"
        in report
    )
    assert "2.00 / 0.50" in report
    assert "| 1, 100, 128, 128 | 2.00 [2.00..2.00] | 1.00 [1.00..1.00] | - | 0.50 / - |" in report


def test_targets_are_judged_at_their_worst_shape() -> None:
    report = markdown(RESULTS, "A machine.")
    assert "training, float32 against Keras: 2.00 (at 64, 200, 128, 256), promised 1.5: met" in report
    assert "float32 never under Keras: 0.50 (at 1, 100, 128, 128), promised 1: **missed**" in report
    assert "float32 against PyTorch: 0.50 (at 64, 200, 128, 256), promised 1: **missed**" in report
    assert "bfloat16" not in report.split("## Targets")[1]


def test_load_from_elsewhere_is_shown() -> None:
    noisy = {LARGE: {"keras": Timing((1.0,), 0.7)}}
    assert "(0.7 cores of other load)" in markdown(noisy, "A machine.")


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    plot(RESULTS, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
