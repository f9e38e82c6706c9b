"""What a reader must know of a model before trusting it, written beside the model for people and for programs."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.training.hardware import Hardware

CARD_FILE = "README.md"
"""The card in a SavedModel, for people."""


@dataclass(frozen=True)
class Result:
    """One measured figure.

    Attributes:
        metric: its name in the field, such as `accuracy`.
        value: the figure.
        data: what it was measured on.
        command: what gives it again.
    """

    metric: str
    value: float
    data: str
    command: str


@dataclass(frozen=True)
class ModelCard:
    """The facts of one trained model.

    Attributes:
        application: the application's name, such as `sentiment_analysis`.
        task: what goes in and what comes out, in a sentence.
        data: where the training examples come from.
        data_licence: under which terms.
        training_examples: how many the model was trained on.
        configuration: the fields that training ran with, as JSON can hold them.
        results: the measured figures.
        limits: what the model is not good for, a sentence each.
        training_seconds: wall time of the training.
        hardware: of the training.
        training_note: what else must be known of the training, such as that its schedule changed on the way.
        examples: rows of a table that shows what the model does, the first one its header; none if empty.
        vocabulary_sha256: see `vocabulary_sha256`; None if there is no vocabulary.
        revision: the project's git revision, None if there is none.
        versions: of Python and the packages that the model was made with.
        created: ISO 8601, in UTC.
    """

    application: str
    task: str
    data: str
    data_licence: str
    training_examples: int
    configuration: Mapping[str, Any]
    results: tuple[Result, ...]
    limits: tuple[str, ...]
    training_seconds: float
    hardware: Hardware
    training_note: str = ""
    examples: tuple[tuple[str, ...], ...] = ()
    vocabulary_sha256: str | None = None
    revision: str | None = field(default_factory=lambda: git_revision())
    versions: Mapping[str, str] = field(default_factory=lambda: software_versions())
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def without_data_flag(card: ModelCard) -> ModelCard:
    """The same card, but its configuration does not tell `--data`, which training did not read."""
    source = {name: value for name, value in card.configuration["source"].items() if name != "data"}
    return dataclasses.replace(card, configuration={**card.configuration, "source": source})


def card_files(card: ModelCard) -> dict[str, str]:
    """The card as `README.md` and `manifest.json`, to be handed to `export_saved_model(files=...)`."""
    return {CARD_FILE: markdown(card), "manifest.json": manifest(card)}


def manifest(card: ModelCard) -> str:
    """The card as a JSON object, its keys the fields of `ModelCard`.

    Raises:
        ValueError: a figure is not finite, which JSON cannot hold.
        TypeError: the configuration holds a value that JSON cannot hold.
    """
    return json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def markdown(card: ModelCard) -> str:
    """The card as a page to read."""
    sections = {
        "Data": f"{card.data}\n\nTrained on {card.training_examples:,} examples. Licence: {card.data_licence}",
        "Results": _table(
            ("metric", "value", "data", "command"),
            ((one.metric, f"{one.value:.6g}", one.data, f"`{one.command}`") for one in card.results),
        ),
        **({"Examples": _table(card.examples[0], card.examples[1:])} if card.examples else {}),
        "Limits": "\n".join(f"- {limit}" for limit in card.limits),
        "Training": _table(("", ""), _training_facts(card)),
        "Configuration": _table(
            ("field", "value"),
            ((name, f"`{json.dumps(value)}`") for name, value in card.configuration.items()),
        ),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"# {card.application}\n\n{card.task}\n\n{body}\n"


def vocabulary_sha256(entries: Iterable[str]) -> str:
    """A vocabulary's fingerprint: the SHA-256 of its entries in UTF-8, in order, each ended by a line feed."""
    return hashlib.sha256("".join(f"{entry}\n" for entry in entries).encode("utf-8")).hexdigest()


def software_versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide what a model computes."""
    packages = ("tensorflow", "keras", "numpy")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }


def git_revision() -> str | None:
    """The commit of this project's working copy, `+changes` added if files differ; None outside of one."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    commit = _git(here.parent, "rev-parse", "HEAD")
    changes = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and changes else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _training_facts(card: ModelCard) -> list[tuple[str, str]]:
    machine = card.hardware
    gpus = f", {', '.join(machine.gpus)}" if machine.gpus else ""
    facts = [
        ("wall time", f"{card.training_seconds:,.0f} s"),
        ("hardware", f"{machine.cpu}, {machine.cores} cores{gpus}"),
        ("software", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
        ("created", card.created),
    ]
    if card.training_note:
        facts.append(("note", card.training_note))
    if card.revision:
        facts.append(("revision", card.revision))
    if card.vocabulary_sha256:
        facts.append(("vocabulary (SHA-256)", card.vocabulary_sha256))
    return facts


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "&#124;").replace("\n", "<br>")
