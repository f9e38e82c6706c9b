"""What the card tells of a training is the same on every machine: names, never places."""

import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from common.audio.labelled import AudioSource
from common.data.sources import OwnFiles, kind_of
from common.errors import FlagError, UserError
from common.export.script import ExportOptions, placeless, report, require_format, training_facts
from common.images.captioned import CaptionSource
from common.text.running import RawTextSource
from common.training.options import TrainingOptions
from common.training.run_folder import FinishedRun, from_json, to_json

HARDWARE = {"cpu": "Example CPU", "cores": 2, "gpus": ["Example GPU"]}
OUTCOME = {"training_examples": 90, "training_seconds": 12, "hardware": HARDWARE, "validation_loss": 1.5}


@dataclass(frozen=True)
class Config:
    source: RawTextSource = field(default_factory=RawTextSource)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    validation: Path | None = None
    pairs: tuple[Path, ...] = ()
    languages: tuple[str, ...] = ("de", "en")
    corpus: str = "glue/sst2"
    dictionary: str = ""
    units: int = 8


@pytest.fixture
def finished(tmp_path):
    data = tmp_path / "novel.txt"
    data.write_text("text")
    training = TrainingOptions(name="mine", runs=tmp_path / "runs", resume=True, tensorboard=True)
    source = RawTextSource(str(data), data_dir=tmp_path / "tfds")
    pairs, gone = (tmp_path / "a.de", tmp_path / "a.en"), str(tmp_path / "gone.txt")
    config = Config(source, training, tmp_path / "val.txt", pairs, dictionary=gone)
    return FinishedRun(config, {}, OUTCOME, tmp_path / "best.weights.h5")


def facts(finished, **options):
    return training_facts(finished, finished.config.source.data, ExportOptions(Path("run"), **options))


def test_no_path_of_the_machine_is_told(finished, tmp_path):
    assert str(tmp_path) not in str(facts(finished))
    told = facts(finished)["configuration"]
    assert told["source"] == {"data": "novel.txt", "glob": "*.txt", "encoding": "utf-8"}
    assert told["validation"] == "val.txt"
    assert told["pairs"] == ["a.de", "a.en"]
    assert told["dictionary"] == "gone.txt"
    assert not {"runs", "resume", "overwrite", "tensorboard"} & told["training"].keys()


@pytest.mark.parametrize("name", ["glue", "recordings.v2", "wikipedia"])
def test_a_folder_is_told_so_that_it_is_a_path_where_there_is_none(finished, tmp_path, name, monkeypatch):
    (tmp_path / "deep" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep")
    for data in (name, f"./{name}", str(tmp_path / "deep" / name)):
        run = replace(finished, config=replace(finished.config, source=RawTextSource(data)))
        assert facts(run)["data"] == name
        assert facts(run)["configuration"]["source"]["data"] == f"./{name}"
    monkeypatch.chdir(tmp_path / "deep" / name)
    run = replace(finished, config=replace(finished.config, source=RawTextSource(".")))
    assert facts(run)["data"] == name
    assert kind_of("./glue") == OwnFiles(Path("glue"))


@pytest.mark.parametrize("source", [CaptionSource, AudioSource])
def test_the_record_of_a_training_on_a_folder_is_read_where_there_is_no_such_folder(
    tmp_path, source, monkeypatch
):
    (tmp_path / "mine").mkdir()
    beside = "captions" if source is CaptionSource else "validation_list"
    config = source(str(tmp_path / "mine"), **{beside: tmp_path / "list.tsv"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    record = to_json(placeless(config))
    assert str(tmp_path) not in str(record)
    again = from_json(source, record)
    assert (again.data, getattr(again, beside)) == ("./mine", Path("list.tsv"))


def test_a_pattern_is_no_path(finished):
    for pattern in (r".*/(?P<label>\d)_", "./**/*.md", "~.?/x"):
        run = replace(finished, config=replace(finished.config, dictionary=pattern))
        assert facts(run)["configuration"]["dictionary"] == pattern


def test_all_that_another_training_needs_is_told(finished):
    told = facts(finished)["configuration"]
    assert told["units"] == 8
    assert told["languages"] == ["de", "en"]
    assert told["corpus"] == "glue/sst2", "what looks like a path and is none is left as it is"
    options = asdict(finished.config.training)
    assert told["training"] == {
        name: value
        for name, value in options.items()
        if name not in ("runs", "resume", "overwrite", "tensorboard")
    }


def test_what_came_of_the_training_is_told(finished):
    told = facts(finished)
    assert (told["training_examples"], told["training_seconds"]) == (90, 12)
    assert asdict(told["hardware"]) == HARDWARE


def test_the_data_is_named_as_the_user_says_or_by_its_own_name(finished):
    assert (facts(finished)["data"], facts(finished)["data_licence"]) == ("novel.txt", "not stated")
    described = facts(finished, data_description="A novel of 1818", data_licence="public domain")
    assert (described["data"], described["data_licence"]) == ("A novel of 1818", "public domain")
    named = replace(finished, config=replace(finished.config, source=RawTextSource("tiny_shakespeare")))
    assert facts(named)["data"] == "tiny_shakespeare"
    halves = replace(finished, config=replace(finished.config, source=RawTextSource("glue/sst2")))
    assert facts(halves)["data"] == "glue/sst2"


def test_models_go_beside_the_shipped_ones_unless_a_folder_is_named(tmp_path):
    assert ExportOptions(Path("run")).folder("text_generation") == Path("saved_models/text_generation")
    assert ExportOptions(Path("run"), tmp_path).folder("text_generation") == tmp_path
    assert ExportOptions(Path("run"), format="litert").folder("a") == Path("litert_models/a")
    assert ExportOptions(Path("run"), format="onnx").folder("a") == Path("onnx_models/a")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"quantize": "int8"}, "--quantize int8: expected --format litert or onnx beside it"),
        (
            {"format": "litert", "decode_precision": "bfloat16"},
            "--decode-precision bfloat16: of a SavedModel; expected no --format beside it",
        ),
        (
            {"format": "onnx", "gpu_signature": True},
            "--gpu-signature: of a SavedModel; expected no --format beside it",
        ),
    ],
)
def test_flags_of_one_format_are_refused_with_another(flags, message):
    with pytest.raises(FlagError) as raised:
        ExportOptions(Path("run"), **flags)
    assert str(raised.value) == message


def test_only_models_with_a_numeric_core_are_for_other_runtimes(monkeypatch):
    options = ExportOptions(Path("run"), format="litert")
    require_format(ExportOptions(Path("run")), "translation", has_core=False)
    require_format(options, "keyboard", has_core=True)
    with pytest.raises(
        FlagError, match=r"^--format litert: translation has no numeric core for other runtimes"
    ):
        require_format(options, "translation", has_core=False)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(UserError, match="expected the extra litert"):
        require_format(options, "keyboard", has_core=True)


def test_only_models_that_write_have_a_precision_to_write_in():
    options = ExportOptions(Path("run"), decode_precision="bfloat16")
    require_format(options, "text_generation", has_core=True, decodes=True)
    with pytest.raises(FlagError, match="image_captioning; forecasting has float32 alone"):
        require_format(options, "forecasting", has_core=False)


def test_the_report_names_the_version_and_its_size(tmp_path, capsys):
    (tmp_path / "1" / "variables").mkdir(parents=True)
    (tmp_path / "1" / "variables" / "data").write_bytes(b"x" * 1_200_000)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x" * 60_000)
    report(tmp_path / "1")
    assert capsys.readouterr().out == f"exported to {tmp_path / '1'} (1.3 MB)\n"
