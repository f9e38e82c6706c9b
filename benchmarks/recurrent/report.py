"""The table (Markdown), the targets and the picture of a finished run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from benchmarks.recurrent.cases import CELLS, MODES, Case
from benchmarks.recurrent.measure import Timing
from common.files import replacing

Results = Mapping[Case, Mapping[str, Timing]]
OURS = ("ours float32", "ours bfloat16")


@dataclass(frozen=True)
class Target:
    """A promise about a ratio of medians: how many times as fast as `peer` is `ours`?

    Attributes:
        text: the promise in words.
        ours: which of ours.
        peer: the contender it is measured against.
        mode: inference or training.
        shapes: where it is promised; everywhere if empty.
        least: the ratio promised.
    """

    text: str
    ours: str
    peer: str
    mode: str
    shapes: tuple[tuple[int, int, int, int], ...]
    least: float


LARGE, LARGEST = (64, 200, 128, 256), (128, 50, 256, 512)
TARGETS = (
    Target("training, float32 against Keras", "ours float32", "keras", "training", (LARGE,), 1.5),
    Target("training, bfloat16 against Keras", "ours bfloat16", "keras", "training", (LARGE,), 2.3),
    Target("training, float32 never under Keras", "ours float32", "keras", "training", (), 1.0),
    Target("training, bfloat16 never under Keras", "ours bfloat16", "keras", "training", (), 1.0),
    Target("inference, float32 against Keras", "ours float32", "keras", "inference", (LARGE,), 1.5),
    Target("inference, bfloat16 against Keras", "ours bfloat16", "keras", "inference", (LARGE,), 3.0),
    Target("training, float32 against PyTorch", "ours float32", "torch", "training", (LARGE, LARGEST), 1.0),
)


def ratio(timings: Mapping[str, Timing], ours: str, peer: str) -> float | None:
    """How many times as fast as `peer`, by medians; None where one of the two was not timed."""
    if ours not in timings or peer not in timings:
        return None
    return median(timings[peer].milliseconds) / median(timings[ours].milliseconds)


def markdown(results: Results, machine: str) -> str:
    """The whole report as Markdown."""
    names = list(dict.fromkeys(name for timings in results.values() for name in timings))
    peers = [name for name in names if name not in OURS]
    parts = [
        "# Recurrent layers on a CPU",
        f"{machine}\n\nMilliseconds per run: median of the blocks [lowest..highest]; batch, time, features, units.",
    ]
    for cell in CELLS:
        for mode in MODES:
            rows = {
                case: timings for case, timings in results.items() if (case.cell, case.mode) == (cell, mode)
            }
            if rows:
                parts.append(f"## {cell}, {mode}")
                parts.append(_table(rows, names, peers))
    parts.append("## Targets")
    parts.append("\n".join(_target_lines(results)))
    return "\n\n".join(parts) + "\n"


def _table(rows: Results, names: Sequence[str], peers: Sequence[str]) -> str:
    timed = [name for name in names if any(name in timings for timings in rows.values())]
    head = ["shape", *timed, *(f"{ours} against {' / '.join(peers)}" for ours in OURS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for case, timings in rows.items():
        cells = [", ".join(map(str, case.shape))]
        cells += [_shown(timings[name]) if name in timings else "-" for name in timed]
        for ours in OURS:
            ratios = [ratio(timings, ours, peer) for peer in peers]
            cells.append(" / ".join("-" if value is None else f"{value:.2f}" for value in ratios))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(timing: Timing) -> str:
    values = timing.milliseconds
    noise = f" ({timing.foreign_cores:.1f} cores of other load)" if timing.foreign_cores >= 0.12 else ""
    return f"{median(values):.2f} [{min(values):.2f}..{max(values):.2f}]{noise}"


def _target_lines(results: Results) -> list[str]:
    lines = []
    for target in TARGETS:
        for cell in CELLS:
            values = {
                case.shape: value
                for case, timings in results.items()
                if (case.cell, case.mode) == (cell, target.mode)
                and (not target.shapes or case.shape in target.shapes)
                and (value := ratio(timings, target.ours, target.peer)) is not None
            }
            if values:
                shape, lowest = min(values.items(), key=lambda item: item[1])
                verdict = "met" if lowest >= target.least else "**missed**"
                lines.append(
                    f"- {cell}, {target.text}: {lowest:.2f} (at {', '.join(map(str, shape))}),"
                    f" promised {target.least:g}: {verdict}"
                )
    return lines


def plot(results: Results, path: Path) -> None:
    """Draws how many times as fast as stock Keras each contender is, a panel per cell and mode, as a PNG."""
    names = list(dict.fromkeys(name for timings in results.values() for name in timings if name != "keras"))
    width = 0.8 / max(len(names), 1)
    figure = Figure(figsize=(13, 8), layout="constrained")
    panels = figure.subplots(len(CELLS), len(MODES), squeeze=False)
    for row, cell in enumerate(CELLS):
        for column, mode in enumerate(MODES):
            axes = panels[row][column]
            rows = [item for item in results.items() if (item[0].cell, item[0].mode) == (cell, mode)]
            for index, name in enumerate(names):
                heights = [ratio(timings, name, "keras") or 0 for _, timings in rows]
                places = [place + (index - (len(names) - 1) / 2) * width for place in range(len(rows))]
                axes.bar(places, heights, width, label=name)
            axes.axhline(1, color="black", linewidth=0.8)
            axes.set_xticks(range(len(rows)), [", ".join(map(str, case.shape)) for case, _ in rows])
            axes.set(title=f"{cell}, {mode}", ylabel="times as fast as Keras")
    panels[0][0].legend(ncols=2, fontsize="small")
    figure.supxlabel("batch, time, features, units")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
