"""Pairs come from any source alike; what is left out is counted, what would train wrongly is refused by name."""

import gzip
from dataclasses import replace

import pytest

from common.data import tfds as source_of_sets
from common.errors import UserError
from common.text.parallel import Pairs, PairSource, load_evaluation, load_training

ENGLISH = [f"sentence {number}" for number in range(300)]
GERMAN = [f"Satz {number}" for number in range(300)]


def no_sample(part):
    raise AssertionError("the sample was not asked for")


def write(path, text):
    data = text.encode("utf-8") if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


@pytest.fixture(params=["", ".gz"])
def files(request, tmp_path):
    return PairSource(
        source=write(tmp_path / f"train.en{request.param}", "\n".join(ENGLISH) + "\n"),
        target=write(tmp_path / f"train.de{request.param}", "\r\n".join(GERMAN)),
    )


def held(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


def test_line_n_of_one_file_is_the_translation_of_line_n_of_the_other(files):
    assert held(load_evaluation(files, no_sample)) == list(zip(ENGLISH, GERMAN, strict=True))
    backwards = replace(files, source=files.target, target=files.source)
    assert held(load_evaluation(backwards, no_sample)) == list(zip(GERMAN, ENGLISH, strict=True))


def test_only_a_line_feed_ends_a_line(tmp_path):
    odd = "one\u2028still one\x0band\x85one\rmore"
    source = PairSource(
        source=write(tmp_path / "a.txt", f"{odd}\ntwo\n"), target=write(tmp_path / "b.txt", "eins\nzwei\n")
    )
    assert held(load_evaluation(source, no_sample)) == [(odd, "eins"), ("two", "zwei")]


def test_files_of_different_numbers_of_lines_are_refused_with_both_numbers(files, tmp_path):
    other = replace(files, target=write(tmp_path / "short.de", "\n".join(GERMAN[:299])))
    for load in (load_evaluation, load_training):
        with pytest.raises(UserError, match=r"train\.en\S* has 300 lines and .*short\.de has 299"):
            load(other, no_sample)


def test_empty_sides_are_left_out_and_counted(tmp_path):
    source = PairSource(
        source=write(tmp_path / "a.en", "one\n\n three \n\u00a0\nfive\n"),
        target=write(tmp_path / "a.de", "eins\nzwei\ndrei\n\n \n"),
    )
    pairs = load_evaluation(source, no_sample)
    assert held(pairs) == [("one", "eins"), (" three ", "drei")]
    assert list(pairs.origins) == ["line 1", "line 3"]
    assert pairs.left_out == {"empty source": 2, "empty target": 1}
    assert pairs.describe().endswith("2 pairs; 2 left out: empty source; 1 left out: empty target")


def test_files_of_empty_lines_are_refused(tmp_path):
    source = PairSource(source=write(tmp_path / "a.en", "\n\n"), target=write(tmp_path / "a.de", "a\nb\n"))
    with pytest.raises(UserError, match=r"a\.de: no pair can be used \(2 empty source\)"):
        load_evaluation(source, no_sample)
    nothing = PairSource(source=write(tmp_path / "b.en", ""), target=write(tmp_path / "b.de", ""))
    with pytest.raises(UserError, match="no pair can be used"):
        load_evaluation(nothing, no_sample)


def test_bytes_that_are_not_utf8_are_named_with_file_and_line(files, tmp_path):
    bad = replace(files, target=write(tmp_path / "bad.de", b"eins\nzw\xe9i\ndrei\n"))
    with pytest.raises(UserError, match=r"bad\.de, line 2: byte 0xe9 is not valid UTF-8"):
        load_evaluation(bad, no_sample)


def test_a_missing_file_and_half_a_pair_of_files_are_named(files):
    with pytest.raises(UserError, match=r"nowhere\.de: no such file"):
        load_evaluation(replace(files, target="nowhere.de"), no_sample)
    with pytest.raises(UserError, match=r"--target de: expected two files, or two languages of the sample"):
        load_training(replace(files, target="de"), no_sample)
    with pytest.raises(UserError, match="--source and --target are both x"):
        PairSource(source="x", target="x")


@pytest.mark.parametrize("name", ["p.tsv", "p.tsv.gz", "p.csv"])
def test_a_table_has_its_sides_by_name_in_either_direction(tmp_path, name):
    separator = "," if ".csv" in name else "\t"
    rows = [("fr", "id", "en"), ("deux", "1", "two"), ("trois", "2", "three")]
    data = write(tmp_path / name, "".join(f"{separator.join(row)}\n" for row in rows))
    assert held(load_evaluation(PairSource(data, "en", "fr"), no_sample)) == [
        ("two", "deux"),
        ("three", "trois"),
    ]
    assert held(load_evaluation(PairSource(data, "fr", "en"), no_sample))[0] == ("deux", "two")


def test_a_table_without_a_header_has_its_sides_by_number(tmp_path):
    data = write(tmp_path / "p.tsv", 'Go.\tVa !\nHe said "hi.\tIl a dit « salut ».\tCC-BY\n')
    expected = [("Va !", "Go."), ("Il a dit « salut ».", 'He said "hi.')]
    assert held(load_evaluation(PairSource(data, "2", "1"), no_sample)) == expected
    with pytest.raises(UserError, match=r"p\.tsv, line 1: 2 fields; expected at least 3"):
        load_evaluation(PairSource(data, "1", "3"), no_sample)
    with pytest.raises(UserError, match="--source 0: expected at least 1"):
        load_evaluation(PairSource(data, "0", "1"), no_sample)


def test_a_column_that_is_not_there_is_said_with_what_to_do(tmp_path):
    data = write(tmp_path / "p.tsv", "Go.\tVa !\nRun.\tCours !\n")
    with pytest.raises(
        UserError, match=r"no column 'en'; the columns are 'Go.', 'Va !'; name the two with --source"
    ):
        load_evaluation(PairSource(data, "en", "fr"), no_sample)


def test_validation_is_held_out_so_that_no_source_text_is_on_both_sides(tmp_path):
    lines = [f"{number % 200}\t{number}" for number in range(1000)]
    data = write(tmp_path / "p.tsv", "\n".join(lines))
    train, held_out = load_training(PairSource(data, "1", "2"), no_sample, validation_fraction=0.2)
    assert sorted(held(train) + held(held_out)) == sorted(tuple(line.split("\t")) for line in lines)
    assert not set(train.sources) & set(held_out.sources)
    assert 100 <= len(held_out) <= 300


def test_validation_files_of_ones_own(files, tmp_path):
    aligned = [tmp_path / "v.en", tmp_path / "v.de"]
    for path, text in zip(aligned, ("one\ntwo\n", "eins\nzwei\n"), strict=True):
        write(path, text)
    train, held_out = load_training(files, no_sample, aligned)
    assert (len(train), held(held_out)) == (300, [("one", "eins"), ("two", "zwei")])
    table = tmp_path / "v.tsv"
    write(table, "de\ten\nDrei\tthree\n")
    data = write(tmp_path / "p.tsv", "en\tde\none\teins\n")
    train, held_out = load_training(PairSource(data), no_sample, [table])
    assert (held(train), held(held_out)) == ([("one", "eins")], [("three", "Drei")])
    with pytest.raises(UserError, match=r"--validation \S+v\.tsv: expected"):
        load_training(files, no_sample, [table])


def test_too_few_pairs_to_hold_any_out_is_said(tmp_path):
    data = write(tmp_path / "p.tsv", "one\teins\n")
    with pytest.raises(UserError, match="1 pairs are too few to hold any out"):
        load_training(PairSource(data, "1", "2"), no_sample, validation_fraction=0.001)


def test_fewer_pairs_when_asked_for_from_all_over_the_file(files):
    train, _ = load_training(replace(files, pairs=50), no_sample)
    numbers = [int(text.split()[1]) for text in train.sources]
    assert len(numbers) == 50
    assert min(numbers) < 10
    assert max(numbers) > 290
    with pytest.raises(UserError, match="--pairs 0"):
        PairSource(pairs=0)


def test_the_sample_is_made_by_part():
    def sample(part):
        return Pairs("sample", [f"{part} en"], [f"{part} de"], [f"{part} 1"])

    train, held_out = load_training(PairSource(), sample)
    assert held(train) == [("train en", "train de")]
    assert held(held_out) == [("validation en", "validation de")]
    assert held(load_evaluation(PairSource(), sample)) == [("test en", "test de")]


@pytest.fixture
def ted(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    texts = {"train": 3, "dev": 2, "test": 1}
    folder = tmp_path / "extracted" / "datasets" / "pt_to_en"
    folder.mkdir(parents=True)
    for split, count in texts.items():
        (folder / f"pt.{split}").write_text("".join(f"é {split} {n} .\n" for n in range(count)), "utf-8")
        (folder / f"en.{split}").write_text("".join(f"it 's {split} {n} .\n" for n in range(count)), "utf-8")
    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", lambda *_: tmp_path / "extracted"
    )
    tfds.builder("ted_hrlr_translate/pt_to_en", data_dir=tmp_path / "data").download_and_prepare()
    return PairSource("ted_hrlr_translate/pt_to_en", "pt", "en", data_dir=tmp_path / "data")


def test_a_prepared_data_set_has_its_own_splits_and_reads_as_people_write(ted):
    train, held_out = load_training(ted, no_sample)
    assert sorted(held(train)) == [(f"é train {n}.", f"it's train {n}.") for n in range(3)]
    assert sorted(held(held_out)) == [(f"é dev {n}.", f"it's dev {n}.") for n in range(2)]
    assert held(load_evaluation(ted, no_sample)) == [("é test 0.", "it's test 0.")]
    backwards = replace(ted, source="en", target="pt")
    assert held(load_evaluation(backwards, no_sample)) == [("it's test 0.", "é test 0.")]
    assert len(load_training(replace(ted, pairs=2), no_sample)[0]) == 2


def test_a_language_that_a_data_set_lacks_is_named(ted):
    with pytest.raises(
        UserError, match="no language 'de'; expected --source and --target to be two of pt, en"
    ):
        load_training(replace(ted, target="de"), no_sample)


def test_a_data_set_with_training_data_alone_keeps_some_of_it_for_validation_and_test(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    path = tmp_path / "pairs.txt"
    path.write_text("".join(f"sentence {n}\tSatz {n}\n" for n in range(600)), "utf-8")
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda *_: {"data_file": path})
    tfds.builder("para_crawl/ende", data_dir=tmp_path / "data").download_and_prepare()
    source = PairSource("para_crawl/ende", "de", "en", data_dir=tmp_path / "data")
    train, held_out = load_training(source, no_sample, validation_fraction=0.1)
    test = load_evaluation(source, no_sample)
    parts = [set(held(part)) for part in (train, held_out, test)]
    assert min(map(len, parts)) > 0
    assert sum(map(len, parts)) == len(set().union(*parts)) == 600
    given = [tmp_path / "v.tsv"]
    write(given[0], "de\ten\nDrei\tthree\n")
    more, _ = load_training(source, no_sample, given)
    assert set(held(more)) == parts[0] | parts[1]


def test_offline_and_not_prepared_is_said_at_once(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(source_of_sets.socket, "getaddrinfo", fail)
    with pytest.raises(UserError, match=r"wmt14_translate/de-en: not prepared in .* no network"):
        load_training(PairSource("wmt14_translate/de-en", "de", "en", data_dir=tmp_path), no_sample)
