"""What the export scripts of all applications share: their flags, the card's common facts, and the last line."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import keras

from common.cli import console
from common.data.sources import OwnFiles, expanded, is_meant_as_path, kind_of
from common.errors import FlagError
from common.export.gpu import with_gpu_signature
from common.export.model_card import ModelCard, Result, card_files, vocabulary_sha256
from common.export.runtimes.convert import Quantization, require_packages
from common.export.runtimes.core import Core
from common.export.runtimes.package import Target, publish_package
from common.export.saved_model import Signature, export_saved_model
from common.training.exported_run import RUN_FILE, encode_run, variable_names
from common.training.hardware import Hardware
from common.training.run_folder import FinishedRun, to_json
from common.training.script import CALIBRATED

_DESCRIPTIONS = ("data_description", "data_licence", "training_note")
_IN_NO_FILE_NAME = set('<>|*?"')  # but in patterns and the like
_FOLDERS = {"saved_model": "saved_models", "litert": "litert_models", "onnx": "onnx_models"}
_BFLOAT16_TOLERANCE = 1e-2  # sums of products in it differ with their order
_BFLOAT16_LIMIT = (
    "It reads its recurrent kernels as bfloat16 holds them, and was validated in float32. Processors without "
    "instructions for it write several rows at once more slowly than they would in float32."
)
_OF_THIS_MACHINE = ("data_dir", "runs", "resume", "overwrite", "tensorboard")


@dataclass(frozen=True)
class ExportOptions:
    """What to export, and where to."""

    run: Path
    """Folder of a finished training, runs/<application>/<name>; or a version of a SavedModel, to export it anew, with
    the descriptions of its card."""
    output: Path | None = None
    """Folder of numbered versions, saved_models/<application> unless given (litert_models or onnx_models with another
    --format); the model becomes the next one. Its name is the model's name on a server."""
    format: Literal["saved_model", "litert", "onnx"] = "saved_model"
    """saved_model for TensorFlow Serving and predict; litert (TensorFlow Lite) or onnx for phones, web pages and other
    languages: the numeric core of the model, and what a host program needs beside it."""
    quantize: Quantization = "none"
    """int8 keeps the weights of litert and onnx in eight bits: a quarter of the size, at a loss that the card tells."""
    data_description: str = ""
    """What the model was trained on, for the model card; the data's name unless given."""
    data_licence: str = ""
    """Under which terms the training data may be used, for the model card; "not stated" unless given."""
    training_note: str = ""
    """What else a reader must know of how the model was trained, for the model card."""
    decode_precision: Literal["float32", "bfloat16"] = "float32"
    """Of text_generation, translation and image_captioning: bfloat16 keeps the recurrent kernels in half the bytes. It
    pays for several rows at once on processors with instructions for it (AVX512-BF16, AMX), and costs time there on
    others; texts may differ from those in float32, as good on the whole (see benchmarks/README.md)."""
    gpu_signature: bool = False
    """Also serve serving_gpu, which answers as serving_default does, by cuDNN's kernels, on NVIDIA GPUs only. Needs one
    here, to prove it on."""

    def __post_init__(self) -> None:
        if self.format == "saved_model" and self.quantize != "none":
            raise FlagError(f"--quantize {self.quantize}: expected --format litert or onnx beside it")
        if self.format != "saved_model" and self.decode_precision != "float32":
            raise FlagError(
                f"--decode-precision {self.decode_precision}: of a SavedModel; expected no --format beside it"
            )
        if self.format != "saved_model" and self.gpu_signature:
            raise FlagError("--gpu-signature: of a SavedModel; expected no --format beside it")

    def folder(self, application: str) -> Path:
        """The folder of numbered versions."""
        return self.output or Path(_FOLDERS[self.format]) / application


def require_format(options: ExportOptions, application: str, has_core: bool, decodes: bool = False) -> None:
    """Refuses a format that cannot be written, before anything is read.

    Args:
        options: of the export.
        application: its name.
        has_core: whether the application has a numeric core, which other runtimes can hold.
        decodes: whether it writes texts step by step, in a precision that can be chosen.

    Raises:
        FlagError: the format is for models with a numeric core, or the precision for those that write texts.
        UserError: what converts to the format is not installed.
    """
    if options.decode_precision != "float32" and not decodes:
        raise FlagError(
            f"--decode-precision {options.decode_precision}: of text_generation, translation and image_captioning; "
            f"{application} has float32 alone"
        )
    if options.format == "saved_model":
        return
    if not has_core:
        raise FlagError(
            f"--format {options.format}: {application} has no numeric core for other runtimes; expected saved_model"
        )
    require_packages(options.format)


class Calibration(NamedTuple):
    """What a classifier's card says of its probabilities, and of what validation chose."""

    probabilities: str
    chosen: str


def calibration_of(outcome: Mapping[str, Any]) -> Calibration:
    """What the card says of a classifier: that it is calibrated only if a temperature was fitted."""
    if outcome.get(CALIBRATED, True):
        return Calibration("calibrated probabilities", "the epoch and the calibration")
    return Calibration(
        "probabilities (not calibrated: validation was all of one class)",
        "the epoch, and was all of one class",
    )


class Trained(Protocol):
    """A finished training with its model."""

    @property
    def run(self) -> FinishedRun[Any]:
        """What training left."""

    @property
    def model(self) -> keras.Model:
        """With the weights that training kept, in float32."""


def card_of(
    application: str,
    trained: Trained,
    options: ExportOptions,
    *,
    task: str,
    limits: Sequence[str],
    validation: tuple[str, str, str],
    vocabulary: Iterable[str],
    data: str,
    also_validated: Sequence[tuple[str, str, str]] = (),
) -> ModelCard:
    """The card of a model: what the application says of it, and what every training tells.

    Args:
        application: its name.
        trained: the training.
        options: of the export.
        task: what goes in and what comes out.
        limits: what the model is not good for.
        validation: the metric, its name in the outcome of the training, and what it was measured on.
        vocabulary: the words, labels or characters that the model knows.
        data: what it was trained on, such as the `--data` that it was started with; for a file, only its name.
        also_validated: further metrics, as `validation`.
    """
    command = f"python -m applications.{application}.train, with the configuration below"
    return ModelCard(
        application=application,
        task=task,
        results=tuple(
            Result(metric, trained.run.outcome[name], measured_on, command)
            for metric, name, measured_on in (validation, *also_validated)
        ),
        limits=tuple(limits),
        vocabulary_sha256=vocabulary_sha256(vocabulary),
        **training_facts(trained.run, data, options),
    )


def publish(
    card: ModelCard,
    trained: Trained,
    signatures: Callable[[], Sequence[Signature]],
    options: ExportOptions,
    facts: Mapping[str, Any],
    *,
    examples: Callable[[Signature], tuple[tuple[str, ...], ...]] = lambda _: (),
    resources: Sequence[Any] = (),
    tolerance: float = 1e-5,
    core: Callable[[], Core] | None = None,
) -> Path:
    """Writes, checks and publishes the model of a training. Returns the new version's folder.

    Args:
        card: of the model.
        trained: the training.
        signatures: makes what is served.
        options: of the export.
        facts: what `predict` must know of the model beside its graph, for the file of that name.
        examples: from the first signature to the card's examples.
        resources: see `export_saved_model`, as for `tolerance`.
        tolerance: see there.
        core: makes what other runtimes get, of applications that have it.

    Raises:
        UserError: another runtime cannot hold the model.
    """
    if options.format != "saved_model" and core is not None:
        target = Target(options.format, options.quantize)
        return publish_package(core(), card, target, options.folder(card.application))
    described = {name: json.dumps(fact, ensure_ascii=False) for name, fact in facts.items()}
    served = with_gpu_signature(signatures, trained.model, options.gpu_signature)
    limits = (*card.limits, _BFLOAT16_LIMIT) if options.decode_precision == "bfloat16" else card.limits
    card = dataclasses.replace(card, examples=examples(served[0]), limits=limits)
    return export_saved_model(
        served,
        options.folder(card.application),
        resources=resources,
        files={**described, **record_files(trained.run, trained.model, card, options)},
        tolerance=max(tolerance, _BFLOAT16_TOLERANCE)
        if options.decode_precision == "bfloat16"
        else tolerance,
        variable_order=trained.run.variable_order(),
    )


def training_facts(finished: FinishedRun[Any], data: str, options: ExportOptions) -> dict[str, Any]:
    """The fields of a `ModelCard` that every training has, without paths: where things lie concerns nobody else.

    Args:
        finished: the training; its outcome tells `training_examples`, `training_seconds` and `hardware`.
        data: what it was trained on, such as the `--data` that it was started with; for a file, only its name.
        options: of the export.
    """
    outcome, described = finished.outcome, _described(finished, options)
    return {
        "data": described["data_description"] or placeless(data),
        "data_licence": described["data_licence"] or "not stated",
        "training_examples": outcome["training_examples"],
        "training_seconds": outcome["training_seconds"],
        "training_note": described["training_note"],
        "hardware": Hardware(**outcome["hardware"]),
        "configuration": to_json(_without_places(finished.config)),
    }


def record_files(
    finished: FinishedRun[Any], model: keras.Model, card: ModelCard, options: ExportOptions
) -> dict[str, str | bytes]:
    """The files, to be written under `assets.extra`, that tell of the training: the card, and the record with which the
    SavedModel can be exported anew.

    Args:
        finished: the training.
        model: holds all the weights that the training kept.
        card: of the model.
        options: of the export.
    """
    record = {
        "configuration": card.configuration,
        "preprocessing": finished.preprocessing,
        "outcome": finished.outcome,
        "described": _described(finished, options),
        "variables": variable_names(model),
    }
    return {**card_files(card), RUN_FILE: encode_run(record)}


def _described(finished: FinishedRun[Any], options: ExportOptions) -> dict[str, str]:
    """What the card says of the data and the training: as the flags tell, or from an earlier export."""
    return {name: getattr(options, name) or finished.described.get(name, "") for name in _DESCRIPTIONS}


def _without_places(config: Any) -> Any:
    """A configuration with paths reduced to names, and without the fields of one machine or one call."""
    fields = {
        field.name: placeless(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name not in _OF_THIS_MACHINE
    }
    if _names_a_file(getattr(config, "data", None)) and not is_meant_as_path(fields["data"]):
        # Where no such folder is, its name alone would be taken for that of a data set.
        fields["data"] = f"./{fields['data']}"
    return fields


def placeless(value: Any) -> Any:
    """A value of a configuration with paths reduced to names; the name of a data set (glue/sst2) stays whole."""
    if dataclasses.is_dataclass(value):
        return _without_places(value)
    if isinstance(value, tuple):
        return tuple(map(placeless, value))
    is_path = isinstance(value, Path) or _names_a_file(value)
    return Path(os.path.abspath(expanded(value))).name if is_path else value


def _names_a_file(value: Any) -> bool:
    """Whether a flag that takes names of data sets (glue/sst2) as well as files was given a file."""
    if not isinstance(value, str) or _IN_NO_FILE_NAME & set(value):
        return False
    return isinstance(kind_of(value), OwnFiles)


def report(version: Path) -> None:
    """Says where the model is and how large."""
    size = sum(file.stat().st_size for file in version.rglob("*") if file.is_file())
    console().print(f"exported to {version} ({size / 1e6:.1f} MB)")
