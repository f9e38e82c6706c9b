"""`--data` means the same in every application; parts lose no example and share none; what is left out is counted."""

import doctest
import importlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import tyro
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.audio.files import encode_wav
from common.data import sources
from common.data import tfds as data_sets
from common.data.sources import DataSet, OwnFiles, Sample, kind_of
from common.errors import UserError

APPLICATIONS = ("image_captioning", "sentiment_analysis", "speech_commands", "text_generation", "translation")
MISSING = (
    "./nothing",
    "../nothing",
    "~/nothing",
    "/nothing",
    "~no-such-user/x",
    "reviews.csv",
    "a/b.TSV.gz",
    "x.tar",
)
NAMES = (
    "imdb_reviews",
    "glue/sst2",
    "glue/sst2:1.0.0",
    "wikipedia/20230601.en",
    "ted_hrlr_translate/pt_to_en",
)
RULE = (
    "What exists as a path is a path; what begins with ., / or ~ or ends like a file (.csv, .txt, .tar.gz) is meant as "
    "one; the rest is a data set's name."
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in, which is the home folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """The names that tensorflow-datasets is asked for; it knows none."""
    import tensorflow_datasets as tfds

    names = []

    def builder(name, **_):
        names.append(name)
        raise tfds.core.DatasetNotFoundError(f"Dataset {name} not found.")

    monkeypatch.setattr(tfds, "builder", builder)
    return names


def source_of(application, data, captions=None):
    config = importlib.import_module(f"applications.{application}.config").PRESETS["tiny"]
    more = {"captions": captions} if captions else {}
    return replace(config.source, data=data, **more)


def train(application, source):
    config = importlib.import_module(f"applications.{application}.config").PRESETS["tiny"]
    data = importlib.import_module(f"applications.{application}.data")
    return data.training_examples(replace(config, source=source))


def evaluate(application, source):
    data = importlib.import_module(f"applications.{application}.data")
    return data.evaluation_examples(source, *([16] if application == "image_captioning" else []))


def write(application, path):
    """A folder of a user's data as an application reads it; for pairs, which lie in no folder, a file.

    Returns the captions' file, where there is one.
    """
    files = {
        "image_captioning": {f"{number}.png": picture() for number in range(3)},
        "sentiment_analysis": {"good/1.txt": b"fine", "bad/1.txt": b"poor"},
        "speech_commands": {"yes/a_nohash_0.wav": encode_wav(np.zeros(80))},
        "text_generation": {"a.txt": b"a text"},
        "translation": {"": b"one\teins\n"},
    }[application]
    for name, content in files.items():
        file = path / name if name else path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if application != "image_captioning":
        return None
    captions = path.with_name("captions.tsv")
    captions.write_text("image\tcaption\n0.png\ta dog\n1.png\ta cat\n")
    return captions


def picture():
    file = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("data", MISSING)
@pytest.mark.parametrize("work", [train, evaluate])
def test_what_is_meant_as_a_path_and_is_not_there_is_refused_in_one_line(
    application, data, work, here, asked
):
    captions = None
    if application == "image_captioning":
        captions = here / "captions.tsv"
        captions.write_text("image\tcaption\n0.png\ta dog\n")
    with pytest.raises(UserError, match=": no such file or folder; expected") as refused:
        work(application, source_of(application, data, captions))
    assert Path(data).name in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not asked


@pytest.mark.parametrize("data", MISSING)
def test_images_that_are_not_there_are_missed_even_before_their_captions(data):
    with pytest.raises(UserError, match=r"expected --captions, .*; and there is no such file or folder$"):
        source_of("image_captioning", data)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("data", [*NAMES, "nowhere/at/all", "reviews"])
@pytest.mark.parametrize("work", [train, evaluate])
def test_the_rest_is_a_name_and_who_meant_a_path_is_told_how_to_say_so(application, data, work, asked):
    with pytest.raises(UserError) as refused:
        work(application, source_of(application, data))
    assert set(asked) == {data}
    assert str(refused.value) == (
        f"--data {data}: neither a file, a folder, `sample`, nor a data set of tensorflow-datasets "
        f"(Dataset {data} not found.); a path may begin with ./"
    )


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("data", ["imdb_reviews", "glue/sst2", "a/b/c", "sample.d"])
@pytest.mark.parametrize("prefix", ["", "./", "~/"])
def test_what_exists_is_a_path_even_if_it_has_the_name_of_a_data_set(application, data, prefix, here, asked):
    source = source_of(application, prefix + data, write(application, here / data))
    if application == "translation":
        with pytest.raises(UserError, match=f"{data}: unknown kind of file; expected a .csv or .tsv"):
            evaluate(application, source)
    else:
        assert evaluate(application, source).name.startswith((data, str(here / data)))
    assert not asked


@pytest.mark.parametrize("application", APPLICATIONS)
def test_a_folder_called_sample_is_not_the_sample(application, here):
    captions = write(application, here / "sample")
    assert kind_of("sample") == Sample()
    if application == "translation":
        with pytest.raises(UserError, match="sample: unknown kind of file"):
            evaluate(application, source_of(application, "./sample"))
    else:
        own = evaluate(application, source_of(application, "./sample", captions))
        assert 1 <= len(own) <= 6
    if application in ("sentiment_analysis", "text_generation"):
        assert len(evaluate(application, source_of(application, "sample"))) > 50


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_help_says_the_rule(application):
    shown = tyro.extras.get_parser(type(source_of(application, "sample"))).format_help()
    assert RULE in " ".join(re.sub("[│|]", " ", shown).split())


@pytest.mark.parametrize("application", APPLICATIONS)
def test_each_application_has_its_sample_by_part(application):
    sample = importlib.import_module(f"applications.{application}.sample").sample
    if application != "speech_commands":
        more = {"image_captioning": {"size": 16, "count": 2}, "translation": {"pairs": 2}}.get(
            application, {}
        )
        parts = [sample(part, **more) for part in ("train", "validation", "test")]
        assert min(map(len, parts)) > 0
        assert all(part.name.startswith("sample") for part in parts)


def test_no_name_that_tensorflow_datasets_knows_is_taken_for_a_path():
    import tensorflow_datasets as tfds

    names = tfds.list_builders(with_community_datasets=False)
    assert len(names) > 100
    assert [name for name in names if kind_of(name) != DataSet(name)] == []


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(TEXT, st.sampled_from([".", "/", "~", "./", "../"]))
def test_a_beginning_is_enough(text, beginning):
    assert isinstance(kind_of(beginning + text), OwnFiles)


@given(TEXT, st.sampled_from(sources.ENDINGS))
def test_an_ending_is_enough_in_any_case(text, ending):
    assert isinstance(kind_of(text + ending), OwnFiles)
    assert isinstance(kind_of(text + ending.upper()), OwnFiles)


@given(TEXT)
def test_anything_can_be_asked_for(text):
    assert isinstance(kind_of(text), Sample | DataSet | OwnFiles)
    assert isinstance(kind_of("x" * 5_000 + text), DataSet | OwnFiles)


def test_the_examples_of_the_documentation_are_true():
    assert doctest.testmod(sources).failed == 0


@dataclass(frozen=True)
class Numbers:
    """Examples with one value each, in a list and in an array."""

    name: str
    values: Sequence[int]
    squares: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self):
        return len(self.values)

    def select(self, indices):
        return sources.select(self, indices)


def numbers(values, **left_out):
    return Numbers("numbers", list(values), np.square(np.array(list(values), int)), left_out)


def keys(examples):
    return [f"key {value}" for value in examples.values]


def test_what_is_selected_keeps_its_order_its_name_and_what_was_left_out():
    chosen = numbers(range(10), empty=2).select([7, 0, 7])
    assert (chosen.name, chosen.values, chosen.left_out) == ("numbers", [7, 0, 7], {"empty": 2})
    np.testing.assert_array_equal(chosen.squares, [49, 0, 49])


PARTS = ("train", "validation", "test")
SPLITS = st.sets(st.sampled_from(["validation", "val", "test", "unsupervised"])).map(
    lambda names: {"train", *names}
)


@given(SPLITS, st.sets(st.sampled_from(PARTS), min_size=1), st.integers(0, 60))
def test_what_a_data_set_lacks_is_held_out_of_its_training_data_whichever_parts_are_wanted(
    splits, wanted, count
):
    held = {name: range(100 * place, 100 * place + count) for place, name in enumerate(sorted(splits))}
    shares = {"test": 0.3, "validation": 0.2}

    def load(parts):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(data_sets, "splits_of", lambda name, data_dir: list(splits))
            return sources.from_data_set("x", None, lambda split: numbers(held[split]), keys, shares, parts)

    loaded, all_parts = load(sorted(wanted)), load(PARTS)
    assert set(loaded) == wanted
    for part, examples in loaded.items():
        assert list(examples.values) == list(all_parts[part].values)
    own = {"test": ["test"], "validation": ["validation", "val"]}
    for part, names in own.items():
        split = next((name for name in names if name in splits), None)
        if split is not None:
            assert list(all_parts[part].values) == list(held[split])
    from_train = [
        value for examples in all_parts.values() for value in examples.values if value in held["train"]
    ]
    assert sorted(from_train) == sorted(held["train"])


def test_examples_of_equal_keys_are_in_one_part():
    examples = numbers(range(400))
    shared = [str(value % 40) for value in examples.values]
    parts = sources.divide(examples, shared, {"validation": 0.3, "train": 0.7}, ("train", "validation"))
    by_part = {part: {value % 40 for value in found.values} for part, found in parts.items()}
    assert not by_part["train"] & by_part["validation"]
    assert len(parts["train"]) + len(parts["validation"]) == 400
    assert 40 <= len(parts["validation"]) <= 220


def test_given_examples_take_the_place_of_the_part_for_validation():
    wanted = []

    def load(parts):
        wanted.append(tuple(parts))
        return {part: numbers(range(3)) for part in parts}

    train_part, validation = sources.with_validation(load, numbers([7]), "too few for {part}")
    assert (len(train_part), validation.values) == (3, [7])
    assert len(sources.with_validation(load, None, "too few for {part}")[1]) == 3
    assert wanted == [("train",), ("train", "validation")]


@pytest.mark.parametrize("empty", ["train", "validation"])
def test_a_part_without_examples_is_refused_with_how_many_there_are(empty):
    def load(parts):
        return {part: numbers([] if part == empty else range(1_200)) for part in parts}

    with pytest.raises(UserError, match=rf"^numbers: 1,200 numbers are too few for {empty}; give more$"):
        sources.with_validation(load, None, "numbers are too few for {part}; give more")


@given(st.lists(st.sampled_from(["", "empty", "broken"]), min_size=1))
def test_what_is_left_out_is_counted_beside_what_was_left_out_before(reasons):
    examples = numbers(range(len(reasons)), empty=1, unread=2)
    kept = [number for number, reason in enumerate(reasons) if not reason]
    counts = {"empty": 1 + reasons.count("empty"), "broken": reasons.count("broken"), "unread": 2}
    if not kept:
        with pytest.raises(UserError, match=r"^numbers: no number can be used ") as refused:
            sources.leave_out(examples, reasons, "number")
        assert all(f"{count} {reason}" in str(refused.value) for reason, count in counts.items() if count)
        return
    remaining = sources.leave_out(examples, reasons, "number")
    assert list(remaining.values) == kept
    assert {reason: remaining.left_out.get(reason, 0) for reason in counts} == counts
    told = sources.left_out_text(remaining.left_out)
    assert sorted(re.findall(r"; (\d+) left out: (\w+)", told)) == sorted(
        (str(count), reason) for reason, count in counts.items() if count
    )


def test_of_many_labels_a_dozen_is_counted():
    labels = [f"{number:02}" for number in range(13)] * 1_000
    assert sources.label_counts(labels) == ", ".join([*(f"1,000 {label:02}" for label in range(12)), "..."])
    assert sources.label_counts(["b", "a", "b"]) == "1 a, 2 b"
