"""Standard data sets are read through their real builders; without network the user is told at once."""

import io
import tarfile
import time

import pytest

from common.data import tfds as source
from common.errors import UserError
from common.text import tfds as texts_of_sets
from common.text.labelled import TextSource, load_evaluation, load_training

REVIEWS = {
    "train/pos/0_9.txt": "A fine film.",
    "train/neg/0_2.txt": "A dull film.",
    "train/unsup/0_0.txt": "A film.",
    "test/pos/0_10.txt": "Superb.",
    "test/neg/0_1.txt": "Dreadful.",
}


def no_sample(part):
    raise AssertionError("the sample was not asked for")


@pytest.fixture
def offline(monkeypatch):
    def fail(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(source.socket, "getaddrinfo", fail)


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    archive = tmp_path / "aclImdb_v1.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in REVIEWS.items():
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: archive)
    builder = tfds.builder("imdb_reviews", data_dir=tmp_path / "data")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(verify_ssl=False))
    return tmp_path / "data"


def test_a_prepared_data_set_is_read_offline(prepared, offline, tmp_path):
    where = TextSource("imdb_reviews", data_dir=prepared)
    examples = load_evaluation(where, no_sample)
    assert sorted(zip(examples.labels, examples.texts, strict=True)) == [
        ("neg", "Dreadful."),
        ("pos", "Superb."),
    ]
    other = tmp_path / "validation.tsv"
    other.write_text("text\tlabel\nfine\tpos\n", "utf-8")
    train, validation = load_training(where, no_sample, validation=other)
    assert sorted(train.texts) == ["A dull film.", "A fine film."]
    assert list(validation.texts) == ["fine"]


def test_offline_and_not_prepared_is_said_at_once(offline, tmp_path):
    started = time.monotonic()
    with pytest.raises(UserError, match=r"imdb_reviews: not prepared in .* no network"):
        load_evaluation(TextSource("imdb_reviews", data_dir=tmp_path), no_sample)
    assert time.monotonic() - started < 60  # tensorflow-datasets alone retries for over 200 seconds


@pytest.mark.parametrize(
    "name",
    ["no_such_thing", "glue/nothing", "revews", "nowhere/at/all", "mnist:9.9.9", "glue/a=3", "a b", "x:y"],
)
def test_an_unknown_name_is_refused_in_one_line(offline, tmp_path, name):
    with pytest.raises(UserError, match=f"--data {name}: neither a file, a folder") as error:
        load_evaluation(TextSource(name, data_dir=tmp_path), no_sample)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("; a path may begin with ./")


def test_a_data_set_without_labelled_text_is_refused(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(source, "_require_network", lambda *_: None)
    with (
        tfds.testing.mock_data(num_examples=1),
        pytest.raises(UserError, match="a data set with a text and a label"),
    ):
        load_evaluation(TextSource("mnist", data_dir=tmp_path), no_sample)


def test_where_test_labels_are_not_public_the_validation_split_is_measured(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def examples(self, split=None, **_):
        label = -1 if split == "test" else 1
        return FakeDataset([{"sentence": f"from {split}".encode(), "label": label}])

    builder = tfds.builder("glue/sst2", data_dir=tmp_path)
    monkeypatch.setattr(texts_of_sets, "prepared_builder", lambda *_: builder)
    monkeypatch.setattr(type(builder), "as_dataset", examples)
    monkeypatch.setattr(type(builder.info), "splits", {"train": None, "validation": None, "test": None})
    assert list(load_evaluation(TextSource("glue/sst2"), no_sample).texts) == ["from validation"]


class FakeDataset(list):
    def as_numpy_iterator(self):
        return iter(self)
