"""A long text is learned portion by portion: no byte differs from learning it at once, and an interruption says how to
go on."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.keyboard.pieces import cut, portions
from applications.keyboard.predict import Predictor
from applications.keyboard.user_file import encoded, new_user, read_user
from applications.keyboard.user_texts import learn_text
from common.errors import UserError
from common.text.running import RawText

LINES = ("See you at Lindqvist’s, Zoltán! It is late: 10:30.", "", "\tDon’t wait  for me.", "bread market")
TEXT = "\n".join(LINES * 20) + "\n" + "we wait for bread " * 70
LONG_LINES = st.lists(
    st.sampled_from(["see", "you,", " ", "\n", "\n\n", "\t", " \n", "Zoë" * 200]), max_size=60
)


@pytest.fixture
def small_portions(monkeypatch):
    monkeypatch.setattr("applications.keyboard.user_texts.WORDS_AT_ONCE", 50)


def observe_into(predictor, path, portions_until_interrupt=None):
    """Learns into a file at the same time of day always; Ctrl-C is pressed after so many portions."""
    seen = []

    def observe(portion):
        if len(seen) == portions_until_interrupt:
            raise KeyboardInterrupt
        seen.append(portion)
        return predictor.observe(portion, user=path, now=0)

    return observe


@given(LONG_LINES, st.integers(1, 9), st.integers(0, 5))
def test_portions_are_the_text_in_whole_lines_as_far_as_these_are_short_enough(parts, size, skipped):
    text = "".join(parts)
    several = list(portions(text, size, skipped))
    words = re.findall(r"\S+", text)
    assert [word for one in several for word in one.text.split()] == words[skipped:]
    assert text.endswith("".join(one.text for one in several))
    for one, following in pairwise(several):
        assert one.words == len(one.text.split()) <= size
        assert not following.text[0].isspace(), "line ends that follow one another are one"
        if "\n" in one.text.strip():
            assert "\n" in one.text[len(one.text.rstrip()) :]
    if several:
        done = skipped + several[0].words
        assert several[1:] == list(portions(text, size, done)), "what goes on is cut the same way"


@given(LONG_LINES)
def test_pieces_are_the_text_and_begin_with_words(parts):
    text = "".join(parts)
    several = list(cut(text))
    assert "".join(several) == text
    assert all(len(one) <= 1000 for one in several)
    if re.search(r"\s{1000}|\S{1000}", text) is None:
        assert not any(one[:1].isspace() for one in several[1:])


def test_what_is_learned_in_portions_is_what_is_learned_at_once(predictor, small_portions, tmp_path, capsys):
    at_once = predictor.observe(TEXT, user=new_user(predictor.base), now=0)
    learn_text(observe_into(predictor, tmp_path / "me"), RawText("notes.txt", TEXT), tmp_path / "me")
    assert (tmp_path / "me").read_bytes() == encoded(at_once, predictor.base)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == f"{tmp_path / 'me'}: 45 of 580 words of notes.txt learned"


@pytest.mark.parametrize("interrupted_after", [0, 1, 4])
def test_an_interruption_keeps_the_portions_before_it_and_says_how_to_go_on(
    predictor, small_portions, tmp_path, interrupted_after
):
    at_once = predictor.observe(TEXT, user=new_user(predictor.base), now=0)
    path, notes = tmp_path / "me", RawText("notes.txt", TEXT)
    with pytest.raises(KeyboardInterrupt) as interruption:
        learn_text(observe_into(predictor, path, interrupted_after), notes, path)
    message = str(interruption.value)
    if interrupted_after == 0:
        assert message == "interrupted: nothing of notes.txt was learned"
        done = 0
    else:
        form = r"interrupted: (\d+) of 580 words of notes.txt learned and in (\S+); "
        form += r"go on with --learn notes.txt --skip-words (\d+)"
        told, place, done = re.fullmatch(form, message).groups()
        assert (told, place) == (done, str(path))
        so_far = "".join(re.findall(r"\S+\s*", TEXT)[: int(done)])
        known = predictor.observe(so_far, user=new_user(predictor.base), now=0)
        assert path.read_bytes() == encoded(known, predictor.base)
    learn_text(observe_into(predictor, path), notes, path, int(done))
    assert path.read_bytes() == encoded(at_once, predictor.base)


def test_an_error_says_how_much_was_learned_before_it(tmp_path, small_portions):
    seen = []

    def observe(portion):
        if seen:
            raise UserError("me: cannot write the user's file: No space left on device; free some space")
        seen.append(portion)

    with pytest.raises(
        UserError, match=r"free some space; 45 of 580 words of notes.txt learned and in .*me; go on"
    ):
        learn_text(observe, RawText("notes.txt", TEXT), tmp_path / "me")


def test_the_script_goes_on_where_it_was_interrupted(
    script, predictor, small_portions, tmp_path, monkeypatch
):
    notes, whole, path = tmp_path / "notes.txt", tmp_path / "whole", tmp_path / "me"
    notes.write_text(TEXT, "utf-8")
    assert script("--learn", notes, "--user", whole).status == 0
    observe, seen = Predictor.observe, []

    def interrupted(self, *arguments, **options):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(arguments)
        return observe(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "observe", interrupted)
        status, out, err = script("--learn", notes, "--user", path)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1].startswith("error: interrupted: 90 of 580 words of")
    flags = err.split("go on with ")[1].split()
    status, out, _ = script(*flags, "--user", path)
    assert status == 0
    assert out.startswith(f"{path}: learned ")
    users = [read_user(one, predictor.base)._replace(times=()) for one in (path, whole)]
    assert encoded(users[0], predictor.base) == encoded(users[1], predictor.base)
    status, _, err = script("--learn", notes, "--user", path, "--skip-words", "580")
    assert (status, err) == (1, f"error: --skip-words 580: expected fewer than the 580 words of {notes}\n")
