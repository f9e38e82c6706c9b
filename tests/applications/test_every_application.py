"""What every application must keep, asked of each package in applications/ with what its `case.py` tells of it."""

import dataclasses
import importlib
import inspect
import json
import os
import pickle
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

import applications
from applications import catalogue
from applications.__main__ import scripts_of
from common.application import ROOMS, lacking
from common.checks import Above, AtLeast, Between, Fraction
from common.inference.runner import SavedModelRunner
from common.serving.client import Client
from common.serving.server.local_server import ServerOptions, running_server
from common.training.exported_run import stored_variables, variable_names

HOME = Path(applications.__file__).parent
MODELS = HOME.parent / "saved_models"
REQUIRED = {"train": ("tiny",), "export": ("--run", "a_run"), "sample": ("--output", "a_folder")}
TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=sorted(catalogue()))
def application(request):
    """The name of an application."""
    return request.param


@pytest.fixture(scope="module")
def declared(application):
    """Its declaration."""
    return catalogue()[application]


def room(application, name):
    return importlib.import_module(f"applications.{application}.{name}")


def options_of(application, script):
    """What the script's flags are made of: a dataclass, or presets of one."""
    if script == "train":
        return room(application, "config").PRESETS
    return get_type_hints(room(application, script).main)["options"]


# --- the rooms and what they say of themselves


def test_all_rooms_are_there_and_give_what_their_protocols_say(application):
    assert (HOME / application / "README.md").is_file()
    for name, protocol in ROOMS.items():
        assert lacking(room(application, name), protocol) == [], name


@pytest.fixture(scope="module")
def shipped(application, request):
    """The shipped model; of an application that has none yet, the tiny one."""
    version = MODELS / application / "1"
    return version if version.is_dir() else request.getfixturevalue("exported")


def test_the_readme_names_every_signature_of_the_shipped_model_and_only_those(
    application, shipped, loaded_once
):
    text = (HOME / application / "README.md").read_text("utf-8")
    section = re.search(r"(?s)^## Signatures\n(.*?)(?=^## )", text, re.MULTILINE)[1]
    # A signature that only another kind of model has is followed by that kind.
    rows = re.findall(r"^\| `(\w+)`(?: \(kind `(\w+)`\))? \|", section, re.MULTILINE)
    facts = shipped / "assets.extra" / "model.json"
    kind = json.loads(facts.read_text("utf-8")).get("kind", "") if facts.exists() else ""
    signatures = loaded_once(shipped).signatures
    assert sorted(name for name, needed in rows if needed in ("", kind)) == sorted(signatures)
    for name, signature in signatures.items():
        for tensor in (*signature.inputs, *signature.outputs):
            assert f"`{tensor}`" in section, f"{tensor} of {name}"


def test_a_predictor_takes_what_is_asked_by_place_and_all_else_by_name(application):
    predictor = room(application, "predict").Predictor
    for name, method in inspect.getmembers(predictor, inspect.isfunction):
        if name == "__call__" or not name.startswith("_"):
            by_place = {
                parameter.name
                for parameter in inspect.signature(method).parameters.values()
                if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            }
            assert "show_progress" not in by_place, name
            assert name != "__call__" or len(by_place) == 2, "self and the examples"


# --- flags


def parts_of(options):
    """A script's dataclass and those within it, each with its type and its values (None where one must be given)."""
    kind = options if isinstance(options, type) else type(options)
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        default = None if field.default is dataclasses.MISSING else field.default
        value = default if isinstance(options, type) else getattr(options, field.name)
        if dataclasses.is_dataclass(inner):
            yield from parts_of(inner if isinstance(options, type) else value)
        else:
            yield f"--{flag_name(hint) or field.name.replace('_', '-')}", hint, value


def flag_name(hint):
    """What a flag is called where that is no name in Python, such as `continue`."""
    return next((one.name for one in get_args(hint)[1:] if getattr(one, "name", None)), None)


def outside(limit) -> Sequence[float]:
    """Numbers on both sides of a declared range, as near as whole numbers are."""
    match limit:
        case AtLeast(least):
            return (least - 1,)
        case Above(bound):
            return (bound,)
        case Between(least, most):
            return least - 1, most + 1
        case Fraction():
            return -1, 1
    return ()


def is_number(hint, kind) -> bool:
    return (get_args(hint)[0] if get_origin(hint) is Annotated else hint) is kind


def wrong_values(hint, value):
    """What a field must refuse, as arguments: what lies outside its range, and floats that are no finite numbers."""
    if get_origin(hint) in (Union, UnionType):
        for kind in get_args(hint):
            yield from wrong_values(kind, value)
    elif get_origin(hint) is tuple and value:
        kinds = get_args(hint)[:1] * len(value) if ... in get_args(hint) else get_args(hint)
        for place, kind in enumerate(kinds):
            for (wrong,) in [one for one in wrong_values(kind, value[place]) if one != ["-inf"]]:
                yield [*map(str, value[:place]), wrong, *map(str, value[place + 1 :])]
    elif is_number(hint, int) or is_number(hint, float):
        limits = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        numbers = [number for limit in limits for number in outside(limit)]
        yield from ([str(number)] for number in numbers)
        yield from ([name] for name in ("nan", "inf", "-inf") if is_number(hint, float))


@pytest.fixture
def flags(application, in_process, monkeypatch, tmp_path):
    """Calls a script with flags in an empty folder; its work is only whether it was called."""
    monkeypatch.chdir(tmp_path)

    def call(script, *arguments):
        def main(options):
            """Does nothing."""

        return in_process(main, options_of(application, script), *REQUIRED.get(script, ()), *arguments)

    return call


def described_flags(text):
    """What a help says of each flag, but for its default: its first line is `  --flag TYPE   what it says`."""
    described, flag = {}, None
    for line in text.splitlines():
        if begins := re.match(r"  (-\S+?),?( \S.*?)?(?:\s{2,}(.*))?$", line):
            flag = begins[1]
            described[flag] = begins[3] or ""
        elif flag and line.startswith(" " * 10):
            described[flag] += f" {line.strip()}"
        else:
            flag = None
    return {
        flag: re.sub(r"\((default|required|optional)[^)]*\)", "", said).split()
        for flag, said in described.items()
    }


def test_every_flag_is_documented(application, flags):
    for script in scripts_of(application):
        status, text, err = flags(script, "--help")
        assert (status, err) == (0, "")
        described = described_flags(text)
        options = options_of(application, script)
        for flag, hint, value in parts_of(options["tiny"] if script == "train" else options):
            is_positional = "Positional" in str(hint)
            flag = f"--no-{flag[2:]}" if value is True else flag
            assert is_positional or len(described[flag]) >= 2, f"{script} {flag}"


def test_every_number_outside_its_range_is_refused_in_one_line_and_nothing_is_made(
    application, flags, tmp_path
):
    for script in scripts_of(application):
        assert flags(script).status == 0, script
        options = options_of(application, script)
        for flag, hint, value in parts_of(options["tiny"] if script == "train" else options):
            for wrong in wrong_values(hint, value):
                # Alone after a blank, -inf would be a flag.
                given = [f"{flag}={wrong[0]}"] if len(wrong) == 1 else [flag, *wrong]
                status, out, err = flags(script, *given)
                assert (status, out, err.count("\n")) == (2, "", 1), f"{script} {flag} {' '.join(wrong)}"
                assert err.startswith(f"error: {flag} "), err
                assert "expected" in err
    assert list(tmp_path.iterdir()) == []


def test_every_whole_number_of_a_training_declares_its_range(application):
    for flag, hint, value in parts_of(options_of(application, "train")["tiny"]):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        assert not is_whole or list(wrong_values(hint, value)), flag


# All scripts leave it to common.cli, and what a wrong flag is was asked of each above.
@pytest.mark.parametrize("application", ["forecasting"], indirect=True)
def test_a_wrong_flag_ends_the_process_before_anything_is_made(application, made):
    shown = made.run_quickly("train", "tiny", "--seed", "-1", "--runs", "no_runs")
    assert shown == (2, "", f"error: --seed -1: expected from 0 to {2**32 - 1}\n")
    assert not (made.folder / "no_runs").exists()


# --- training


def test_training_says_what_it_reads_and_how_to_export_it(made, application):
    assert made.finished_run.is_dir()
    out = made.training.out
    assert re.search(r"(?m)^training: .+\nvalidation: ", out)
    run = f"runs/{application}/tiny"
    assert out.endswith(
        f"kept in {run}; export it with: python -m applications.{application}.export --run {run}\n"
    )


def test_a_mistake_in_the_data_is_one_line_and_leaves_no_run(application, made, in_process, tmp_path):
    flags, expected = made.case.write_unusable_data(tmp_path)
    config, train = room(application, "config"), room(application, "train")
    arguments = ("tiny", *flags, "--runs", tmp_path / "runs")
    status, out, err = in_process(train.main, config.PRESETS, *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: {expected}")
    assert not (tmp_path / "runs").exists()


# --- export


@pytest.fixture
def export(application, in_process, made):
    """Runs the export in this process."""

    def run(*arguments):
        main = room(application, "export").main
        return in_process(main, options_of(application, "export"), *made.case.EXPORT, *arguments)

    return run


def test_the_export_is_the_first_version_and_says_where_it_lies(application, made, exported):
    assert exported.is_dir()
    assert made.export.out.splitlines()[-1].startswith(f"exported to saved_models/{application}/1 (")
    card = (exported / "assets.extra" / "README.md").read_text("utf-8")
    assert card.startswith(f"# {application}\n")
    for text in (card, (exported / "assets.extra" / "manifest.json").read_text("utf-8")):
        assert str(made.folder) not in text
        assert str(Path.home()) not in text


def test_a_run_that_is_not_finished_is_not_exported(export, finished_run, tmp_path):
    unfinished = tmp_path / "unfinished"
    shutil.copytree(finished_run, unfinished)
    (unfinished / "outcome.json").unlink()
    problem = "no outcome.json, so this training is not finished; go on with train --resume"
    assert export("--run", unfinished, "--output", tmp_path / "models") == (
        1,
        "",
        f"error: {unfinished}: {problem}\n",
    )
    assert not (tmp_path / "models").exists()


# All exports leave it to common.export.
@pytest.mark.parametrize("application", ["sentiment_analysis"], indirect=True)
def test_a_failed_export_leaves_nothing_behind(export, finished_run, tmp_path, monkeypatch):
    def fill_the_disk(_, folder, *__, **___):
        (Path(folder) / "saved_model.pb").write_bytes(b"the beginning")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fill_the_disk)
    output = tmp_path / "models" / "mine"
    output.parent.mkdir()
    status, _, err = export("--run", finished_run, "--output", output)
    assert (status, err) == (1, "error: No space left on device\n")
    assert list(output.parent.iterdir()) == []


def facts_of(version):
    """What the card tells, but for when and from which revision it was made, and what only one export was told."""
    facts = json.loads((version / "assets.extra" / "manifest.json").read_text("utf-8"))
    return {
        name: value for name, value in facts.items() if name not in ("created", "revision", "training_note")
    }


@pytest.fixture
def given_to_publish(application, export, exported, monkeypatch):
    """From a run to what its export gives `publish`: the card, the training and the facts for `predict`."""
    given = []

    def publish(card, trained, _, __, facts, **___):
        given.append((card, trained, facts))
        return exported

    monkeypatch.setattr(room(application, "export"), "publish", publish)

    def of(run):
        # As in a process of its own, where the names of layers are counted from the first.
        keras.utils.clear_session()
        shown = export("--run", run)
        assert (shown.status, shown.err) == (0, "")
        return given.pop()

    return of


def test_what_an_export_makes_of_a_savedmodel_is_what_it_made_of_the_run(
    given_to_publish, finished_run, exported
):
    """And neither lets a layer choose a kernel that only a GPU has."""
    (card, trained, facts), (card_anew, anew, facts_anew) = map(given_to_publish, (finished_run, exported))
    assert (dataclasses.replace(card_anew, created=card.created), facts_anew) == (card, facts)
    assert (anew.run.preprocessing, anew.run.outcome) == (trained.run.preprocessing, trained.run.outcome)
    names, stored = variable_names(trained.model), stored_variables(exported)
    assert variable_names(anew.model) == names
    for name, weight, other in zip(names, trained.model.variables, anew.model.variables, strict=True):
        # A recurrent dropout draws on, though nothing that is served depends on it.
        if name in stored and "seed_generator" not in name:
            np.testing.assert_array_equal(other, stored[name], err_msg=name)
            # Some tables are stored in half the bits.
            np.testing.assert_allclose(other, weight, rtol=1e-3, err_msg=name)
    for one in (trained, anew):
        choices = [layer.use_cudnn for layer in one.model._flatten_layers() if hasattr(layer, "use_cudnn")]
        assert not any(choices)


# What `publish` makes of the same training is a matter of common.export.
@pytest.mark.parametrize("application", ["sentiment_analysis"], indirect=True)
def test_exported_anew_from_itself_where_a_gpu_is_seen_it_is_the_next_version_and_the_same_model(
    export, exported, rows, runner, monkeypatch, tmp_path
):
    """Without the run, from the SavedModel alone; and without an operation that only a GPU has."""
    monkeypatch.setattr(sys.modules["keras.src.backend.tensorflow.rnn"], "_is_gpu_available", lambda: True)
    monkeypatch.chdir(tmp_path)
    # The answers are held against those of the version that was proved, below.
    monkeypatch.setattr("common.export.saved_model.verify_signature", lambda *_: None)
    # As in a process of its own, where the names of layers are counted from the first.
    keras.utils.clear_session()
    status, out, err = export("--run", exported, "--output", exported.parent, "--training-note", "twice")
    anew = exported.parent / "2"
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].startswith(f"exported to {anew} (")
    # Away from where the other tests look for the highest version.
    anew = anew.rename(tmp_path / "anew")
    assert b"Cudnn" not in (anew / "saved_model.pb").read_bytes()
    weights, weights_anew = stored_variables(exported), stored_variables(anew)
    assert list(weights) == list(weights_anew), "in the same order"
    for name, array in weights.items():
        # A recurrent dropout draws on, though nothing that is served depends on it.
        if "seed_generator" not in name:
            np.testing.assert_array_equal(weights_anew[name], array, err_msg=name)
    assert facts_of(anew) == facts_of(exported)
    assert (
        json.loads((anew / "assets.extra" / "manifest.json").read_text("utf-8"))["training_note"] == "twice"
    )
    with SavedModelRunner(anew) as other:
        for name, values in rows.items():
            first, second = (one.run(name, **values) for one in (runner, other))
            for output, array in first.items():
                assert_same(second[output], array, f"{output} of {name}")


# --- other runtimes


HAVE_A_CORE = sorted(name for name in catalogue() if (HOME / name / "other_runtimes.py").is_file())
# Of transcription a streaming model alone has a core; its own tests train one.
TINY_ONES_WITH_A_CORE = [name for name in HAVE_A_CORE if name != "transcription"]


@pytest.mark.parametrize("application", sorted(set(catalogue()) - set(HAVE_A_CORE)), indirect=True)
@pytest.mark.parametrize("target", ["litert", "onnx"])
def test_without_a_numeric_core_other_runtimes_are_refused_before_anything_is_read(
    application, in_process, tmp_path, target
):
    main, options = room(application, "export").main, options_of(application, "export")
    assert in_process(main, options, "--run", tmp_path / "none", "--format", target) == (
        2,
        "",
        f"error: --format {target}: {application} has no numeric core for other runtimes; expected saved_model\n",
    )


@pytest.fixture(scope="module", params=["litert", "onnx"])
def converted(application, request, made, converted_from, tmp_path_factory):
    """The folder of the tiny model for another runtime, and the core that it was made of."""
    flags = ("--run", made.finished_run, *made.case.EXPORT, "--format", request.param)
    return converted_from(application, *flags, "--output", tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("application", TINY_ONES_WITH_A_CORE, indirect=True)
def test_another_runtime_answers_as_the_savedmodel(converted, runner, assert_as_served):
    assert_as_served(*converted, runner)


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
@pytest.mark.parametrize("application", TINY_ONES_WITH_A_CORE, indirect=True)
def test_the_front_end_in_javascript_makes_the_same_numbers(converted, assert_javascript_makes_the_same):
    assert_javascript_makes_the_same(converted[0])


# --- answers


@pytest.fixture(scope="module")
def rows(made, declared, exported, runner):
    """By signature: the rows of its largest warm-up request and, where it takes them, the case's examples."""
    records = tf.data.TFRecordDataset(str(exported / "assets.extra" / "tf_serving_warmup_requests"))
    found = {}
    for record in records.as_numpy_iterator():
        log = PredictionLog.FromString(record)
        if log.HasField("classify_log"):
            request = log.classify_log.request
            examples = [one.SerializeToString() for one in request.input.example_list.examples]
            found[request.model_spec.signature_name] = {"inputs": np.array(examples, object)}
        else:
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            found[request.model_spec.signature_name] = inputs
    assert found.keys() == runner.signatures.keys()
    for name, values in found.items():
        if made.case.EXAMPLES and declared.served_input in values:
            given = [*values[declared.served_input], *made.case.EXAMPLES]
            count = len(given)
            found[name] = taken(values, [row % len(values[declared.served_input]) for row in range(count)])
            contents = [one.encode() if isinstance(one, str) else one for one in given]
            found[name][declared.served_input] = np.array([*contents, None], object)[:-1]
    return found


def taken(values, places):
    """The rows at these places of every input or output."""
    return {name: array[places] for name, array in values.items()}


def assert_same(found, expected, name):
    """Equal, but for what pads rows to the longest of their batch, and for the last digits of numbers."""
    assert found.dtype == expected.dtype
    whole = np.full(np.maximum(found.shape, expected.shape), b"" if found.dtype == object else 0, found.dtype)
    one, other = whole.copy(), whole.copy()
    one[tuple(map(slice, found.shape))] = found
    other[tuple(map(slice, expected.shape))] = expected
    if found.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
    else:
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_every_signature_gives_a_row_the_same_answer_alone_and_in_a_batch_of_any_size(rows, runner):
    for name, values in rows.items():
        count = len(next(iter(values.values())))
        alone = [runner.run(name, **taken(values, [row])) for row in range(count)]
        for size in (0, 1, 3, 33):
            places = np.arange(size, dtype=int)[::-1] % count
            together = runner.run(name, **taken(values, places))
            assert together.keys() == runner.signatures[name].outputs.keys()
            for output, array in together.items():
                assert len(array) == size
                assert output != "error" or not any(array), array
                for row, place in enumerate(places):
                    assert_same(array[row : row + 1], alone[place][output], f"{output} of {name}")


def test_predict_answers_by_its_script_in_any_folder_without_keras_and_tensorflow(made, exported):
    arguments, answer = made.case.write_question(made.new_folder("question"))
    heavy = {"keras", "tensorflow", "sklearn", "matplotlib"}
    code = (
        "import runpy, sys\n"
        f"try: runpy.run_module('applications.{made.application}.predict', run_name='__main__')\n"
        f"finally: print(sorted({heavy} & sys.modules.keys()), file=sys.stderr)"
    )
    assert exported.is_relative_to(made.folder / "saved_models")
    shown = made.shown("-c", code, *arguments)
    assert (shown.status, shown.err) == (0, "[]\n")
    assert re.fullmatch(answer, shown.out), shown.out


def test_a_pickle_holds_the_path_and_the_settings_and_no_model(application, exported, monkeypatch, tmp_path):
    monkeypatch.chdir(exported.parent)
    predictor = room(application, "predict").Predictor(Path(os.path.relpath(exported)), batch_size=3)
    pickled = pickle.dumps(predictor)
    assert len(pickled) < 5_000
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickled)
    assert again.batch_size == 3
    assert again.path.resolve() == exported.resolve()
    assert "_runner" not in vars(again), "it is loaded when it is first asked"


def test_evaluate_measures_the_exported_model_by_its_script_in_any_folder(application, made, exported):
    data = made.case.write_evaluation_data(made.new_folder("held_out"))
    # One is started by a shell; that TensorFlow is silent as it is imported is a matter of `applications` in all.
    run = made.run if application == "text_generation" else made.run_quickly
    shown = run("evaluate", *data, "--output", "report")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.endswith("written to report\n")
    metrics = json.loads((made.folder / "report" / "metrics.json").read_text("utf-8"))
    assert made.folder / metrics["model"] == exported
    assert {"data", "seconds"} <= metrics.keys()
    pictures = list((made.folder / "report").glob("*.png"))
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_data_that_is_not_there_is_one_line_and_leaves_no_report(application, in_process, exported, tmp_path):
    evaluate = room(application, "evaluate")
    flags = ("--model", exported, "--data", tmp_path / "nowhere.csv", "--output", tmp_path / "report")
    status, out, err = in_process(evaluate.main, evaluate.Options, *flags)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: ")
    assert f"{tmp_path}/nowhere.csv" in err
    assert not (tmp_path / "report").exists()


def test_a_folder_without_a_model_of_this_application_is_named(application, made, script, exported, tmp_path):
    arguments, _ = made.case.write_question(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "stripped").mkdir()
    for name in ("variables", "saved_model.pb"):
        (tmp_path / "stripped" / name).symlink_to(exported / name)
    for folder in ("empty", "stripped"):
        status, out, err = script(*arguments, model=tmp_path / folder)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"error: {tmp_path / folder}")
    assert f"expected a model exported by applications.{application}.export" in err


# --- the declared questions


@pytest.fixture(scope="module")
def questions(application, declared, made, shipped):
    """The declared questions; of an application that ships no model yet, and whose tiny one takes only data like that
    of its training, the case's own."""
    if not (MODELS / application / "1").is_dir() and hasattr(made.case, "question"):
        return (made.case.question(shipped),)
    return *declared.questions, *declared.sample_questions


def test_the_declared_questions_are_answered_by_the_script(questions, script, shipped, tmp_path):
    for question in questions:
        status, out, err = script(*question.arguments(tmp_path), model=shipped)
        assert (status, err) == (0, ""), question.asked
        assert out.strip()


@pytest.fixture(scope="module")
def server(application, shipped, loaded_once, tmp_path_factory):
    """Serves the shipped model; how a server loads one is a matter of its own tests."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(shipped.parent, folder / application)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "common.serving.server.model_repository.SavedModelRunner", lambda *_, **__: loaded_once(shipped)
        )
        with running_server(ServerOptions(folder, rest_port=0, grpc_port=0)) as running:
            yield running


@pytest.fixture(scope="module")
def answers(declared, questions, shipped, loaded_once):
    """The row of each question, and the shipped model's own answer to it."""
    runner = loaded_once(shipped)
    rows = [
        {name: [value] for name, value in question.row(declared.served_input).items()}
        for question in questions
    ]
    return [(row, runner.answer("serving_default", **row)) for row in rows]


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_the_declared_questions_are_answered_over_rest_and_grpc(declared, answers, server, protocol):
    addresses = {"grpc": f"127.0.0.1:{server.grpc_port}", "rest": f"http://127.0.0.1:{server.rest_port}"}
    with Client(addresses[protocol], timeout=120) as ask:
        for row, expected in answers:
            answer = ask(declared.name, row)
            assert answer.keys() == expected.keys()
            for name, array in expected.items():
                if array.dtype == object:
                    assert [text.encode() for text in answer[name].flat] == list(array.flat)
                else:
                    np.testing.assert_allclose(answer[name], array, rtol=1e-4, atol=1e-5)
