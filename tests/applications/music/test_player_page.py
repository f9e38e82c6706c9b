"""The page shows a piece and plays it: one file that fetches nothing, whatever the piece is called."""

import itertools
import json
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from applications.music.held_notes import held_notes
from applications.music.piece import SILENCE, Piece, ordered
from applications.music.player_page import player_page
from applications.music.synthesizer import HARMONICS

NODE = shutil.which("node")
BROWSER = Path(__file__).with_name("browser.js")
VOID = {"meta", "link", "input"}
DELAY = 0.06
"""Seconds from a click to the first note."""


class Page(HTMLParser):
    """The elements of a page, with their attributes and their text; every one that is opened is closed."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.elements, self.open = [], []
        self.feed(content.decode("utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def all(self, tag):
        """Attributes and text of each element of a kind."""
        return [(attributes, "".join(texts)) for name, attributes, texts in self.elements if name == tag]

    def text(self, tag):
        """The text of the only one."""
        ((_, text),) = self.all(tag)
        return text


def piece_of(*steps, name="a piece", steps_per_quarter=1, tempo=60.0):
    return Piece(name, np.array(steps, np.int32).reshape(len(steps), -1), steps_per_quarter, tempo)


def data_of(piece, **options):
    """What the page's script reads."""
    return json.loads(Page(player_page(piece, **options)).all("script")[0][1])


def frequency_of(note):
    return 440 * 2 ** ((note - 69) / 12)


@pytest.fixture
def played():
    """Runs the script of a piece's page with what a person does, in JavaScript -> what that returns."""
    if NODE is None:
        pytest.skip("needs node")

    def run(piece, scenario, has_audio=True, **options):
        (_, data), (_, script) = Page(player_page(piece, **options)).all("script")
        given = {"data": data, "script": script, "scenario": scenario, "hasAudio": has_audio}
        done = subprocess.run([NODE, BROWSER], input=json.dumps(given), capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


# --- the file


def test_the_page_is_whole_and_fetches_nothing():
    content = player_page(piece_of([72, 60], [71, 62]))
    page = Page(content)
    assert content.startswith(b"<!doctype html>")
    fetched = [
        value
        for _, attributes, _ in page.elements
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert fetched == ["data:,"]
    assert b"//" not in content.replace(b" // ", b"")
    (policy,) = (one["content"] for one, _ in page.all("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none';")
    assert len(content) < 30_000


def test_every_control_has_a_name_that_is_read_aloud():
    page = Page(player_page(piece_of([60])))
    labelled = {one["for"] for one, _ in page.all("label")}
    for attributes, _ in page.all("input"):
        assert attributes["id"] in labelled or attributes["aria-label"]
    assert [text for _, text in page.all("button")] == ["Play", "Stop"]
    assert page.text("legend")
    identifiers = Counter(one["id"] for _, one, _ in page.elements if "id" in one)
    assert set(identifiers.values()) == {1}
    assert page.all("html")[0][0]["lang"] == "en"
    assert any(one.get("name") == "viewport" for one, _ in page.all("meta"))


@pytest.mark.parametrize(
    "name",
    [
        "</script><script>alert(1)</script>",
        "</title><img src=x onerror=alert(1)>",
        "<!-- ' \" & &lt; {{piece}} {{name}} \\1 ${1}",
        "Für Élise – 月光.mid",
    ],
)
def test_a_piece_may_have_any_name(name):
    page = Page(player_page(piece_of([60], name=name)))
    assert (page.text("title"), page.text("h1")) == (name, name)
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert data_of(piece_of([60], name=name)) == data_of(piece_of([60]))


def test_a_name_that_is_no_text_is_shown_without_what_cannot_be_shown():
    page = Page(player_page(piece_of([60], name="a\udcff\x00\x1b[31m\nb.mid")))
    assert page.text("h1") == "a   [31m b.mid"


def test_the_page_holds_the_piece_as_numbers():
    piece = piece_of([72, 60], [72, 62], [SILENCE, 62], steps_per_quarter=4, tempo=92.5)
    data = data_of(piece, given=[[True, False], [False, False], [False, True]])
    assert data["notes"] == [list(note) for note in held_notes(piece)]
    assert data["given"] == [[0, 1, 72, 0], [2, 3, 62, 1]]
    assert (data["steps"], data["voices"]) == (3, 2)
    assert (data["stepsPerQuarter"], data["tempo"]) == (4, 92.5)
    assert data["harmonics"] == list(HARMONICS)
    assert data_of(Piece("nothing", np.zeros((0, 4), np.int32)))["notes"] == []


def test_what_is_given_has_the_shape_of_the_notes():
    with pytest.raises(ValueError, match=r"expected a bool for each note, \[1, 1\]; got \[2\]"):
        player_page(piece_of([60]), given=[True, False])


def test_the_same_piece_is_the_same_page():
    assert player_page(piece_of([60])) == player_page(piece_of([60]))


def test_what_predict_needs_imports_no_tensorflow_and_no_keras():
    script = (
        "import sys\n"
        "from applications.music import held_notes, piano_roll, player_page, synthesizer\n"
        "print({'tensorflow', 'keras'} & sys.modules.keys())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- in the browser


def test_each_note_is_played_once_at_its_time_and_pitch_and_let_go_at_its_end(played):
    piece = piece_of([69, 57], [69, 60], [SILENCE, 60], [72, 60], steps_per_quarter=2, tempo=90)
    tones = played(piece, "browser.click('play'); browser.goOn(5); return browser.tones()")
    second = 60 / 90 / 2
    expected = [
        (start * second, end * second, frequency_of(note)) for start, end, note, _ in held_notes(piece)
    ]
    heard = [(tone["begin"] - DELAY, tone["end"] - DELAY, tone["frequency"]) for tone in tones]
    np.testing.assert_allclose(heard, expected, atol=1e-9)


def test_a_long_piece_makes_few_tones_at_once_and_plays_all_even_when_the_page_is_hidden(played):
    notes = ordered(np.random.default_rng(0).integers(40, 80, (600, 4)))
    piece = Piece("long", notes, 4, 120)
    for late in (0, 1):
        scenario = f"""
            browser.click('play');
            const first = browser.audio.tones.length;
            browser.goOn(80, {late});
            return [first, browser.most, browser.tones(), browser.audio.tones.length];
        """
        first, most, tones, made = played(piece, scenario)
        held = held_notes(piece)
        assert first < 60
        assert most < 80
        assert len(tones) == made == len(held)
        np.testing.assert_allclose(
            [tone["begin"] - DELAY for tone in tones], [note.start_step / 8 for note in held], atol=1e-6
        )


def test_pause_silences_and_play_goes_on_from_there(played):
    scenario = """
        browser.click('play');
        browser.goOn(1.56);
        const playing = browser.text('play');
        browser.click('play');
        browser.goOn(3);
        const paused = [browser.text('play'), browser.isTicking(), browser.text('time')];
        browser.key(' ');
        browser.goOn(4);
        return [playing, paused, browser.tones()];
    """
    playing, paused, tones = played(piece_of([60], [62], [62], [64]), scenario)
    assert (playing, paused) == ("Pause", ["Play", False, "0:01 / 0:04"])
    # The clock stood at 1.56 seconds, of which the first 0.06 were silent.
    again = 4.56 + DELAY
    expected = [
        (DELAY, 1 + DELAY, 60),
        (1 + DELAY, 1.56, 62),
        (again, again + 1.5, 62),
        (again + 1.5, again + 2.5, 64),
    ]
    heard = [(tone["begin"], tone["end"], tone["frequency"]) for tone in tones]
    np.testing.assert_allclose(
        heard, [(begin, end, frequency_of(note)) for begin, end, note in expected], atol=1e-9
    )


def test_stop_goes_back_to_the_beginning(played):
    scenario = """
        browser.click('play');
        browser.goOn(2.5);
        browser.click('stop');
        return [browser.text('play'), browser.text('time'), browser.isTicking(),
                browser.tones().map((tone) => tone.end)];
    """
    play, time, is_ticking, ends = played(piece_of(*[[60], [62]] * 5), scenario)
    assert (play, time, is_ticking) == ("Play", "0:00 / 0:10", False)
    assert max(ends) <= 2.5


def test_at_its_end_the_piece_is_over_and_can_be_played_again(played):
    scenario = """
        browser.click('play');
        browser.goOn(3);
        const ended = [browser.text('play'), browser.isTicking(), browser.elements.position.value];
        browser.click('play');
        browser.goOn(3);
        return [ended, browser.tones().length];
    """
    assert played(piece_of([60], [62]), scenario) == [["Play", False, 0], 4]
    assert played(Piece("nothing", np.zeros((0, 2), np.int32)), scenario) == [["Play", False, 0], 0]


@pytest.mark.parametrize(
    ("moved", "step"),
    [
        ("browser.set('position', '5')", 5),
        # The roll begins after 40 pixels of names, and a page of it is 8 bars of 4 quarters.
        ("browser.click('roll', 40 + 960 * 6 / 32)", 6),
        ("browser.key('ArrowRight')", 4),
        ("browser.key('ArrowRight'); browser.key('ArrowRight'); browser.key('ArrowLeft')", 4),
        ("browser.key('ArrowRight'); browser.key('Home')", 0),
        ("browser.key('ArrowLeft')", 0),
    ],
)
@pytest.mark.parametrize("is_playing", [False, True])
def test_a_person_moves_by_click_slider_and_keyboard(played, moved, step, is_playing):
    piece = piece_of(*([60 + step // 2] for step in range(40)))
    scenario = f"""
        const clicks = () => browser.click('play');
        if ({json.dumps(is_playing)}) clicks();
        {moved};
        if (!{json.dumps(is_playing)}) clicks();
        return [browser.elements.position.value, browser.tones()];
    """
    position, tones = played(piece, scenario)
    assert position == step
    tone = next(tone for tone in reversed(tones) if tone["begin"] == pytest.approx(DELAY))
    assert tone["frequency"] == pytest.approx(frequency_of(60 + step // 2))
    assert tone["end"] == pytest.approx(DELAY + 2 - step % 2)


def test_from_the_end_a_piece_is_played_from_its_beginning(played):
    scenario = """
        browser.key('End');
        const { value } = browser.elements.position;
        browser.click('play');
        return [value, browser.elements.position.value, browser.tones().length];
    """
    assert played(piece_of([60], [62], [64]), scenario) == [3, 0, 2]


def test_keys_that_a_control_takes_itself_are_left_to_it(played):
    scenario = """
        const { play, position } = browser.elements;
        const left = [browser.key(' ', play), browser.key('ArrowRight', position), browser.key('x')];
        const first = [browser.text('play'), position.value];
        const taken = [browser.key('ArrowRight', play), browser.key(' ', position)];
        return [left, first, taken, [browser.text('play'), position.value]];
    """
    left, first, taken, second = played(piece_of(*[[60]] * 20), scenario)
    assert (left, first) == ([False] * 3, ["Play", 0])
    assert (taken, second) == ([True] * 2, ["Pause", 4])


def test_another_tempo_takes_effect_at_once(played):
    scenario = """
        browser.click('play');
        browser.goOn(0.56);
        browser.set('tempo', '120');
        const said = [browser.text('tempo-value'), browser.elements.tempo.attributes['aria-valuetext']];
        browser.goOn(5);
        return [said, browser.tones()];
    """
    said, tones = played(piece_of([60], [62], [64], [65]), scenario)
    assert said == ["120 quarters per minute"] * 2
    # Half a second of the first note was over; the other half takes a quarter of a second.
    changes = [0.81, 1.31, 1.81, 2.31]
    expected = [(DELAY, changes[0]), *itertools.pairwise(changes)]
    np.testing.assert_allclose([(tone["begin"], tone["end"]) for tone in tones], expected, atol=1e-9)


def test_the_tempo_of_the_piece_lies_on_the_slider(played):
    for tempo in (3.5, 90.0, 400.0):
        scenario = "const { min, max, value } = browser.elements.tempo; return [min, value, max]"
        low, value, high = played(piece_of([60], tempo=tempo), scenario)
        assert low <= value == tempo <= high


@pytest.mark.parametrize("before", ["browser.click('play'); browser.goOn(0.1);", ""])
def test_a_voice_is_muted_and_heard_again(played, before):
    scenario = f"""
        {before}
        browser.hear(1, false);
        if (!browser.isTicking()) browser.click('play');
        const muted = browser.tones().map((tone) => tone.voice);
        browser.hear(1, true);
        return [muted, browser.tones().map((tone) => tone.voice)];
    """
    assert played(piece_of([72, 60, 48]), scenario) == [[1, 0, 1], [1, 1, 1]]


def test_the_highest_voice_is_heard_left_and_one_alone_in_the_middle(played):
    scenario = "browser.click('play'); return browser.tones().map((tone) => tone.pan)"
    left, middle, right = played(piece_of([72, 60, 48]), scenario)
    assert -right == left < middle == 0
    assert played(piece_of([60]), scenario) == [0]


def test_the_roll_shows_the_page_on_which_the_piece_is(played):
    piece = piece_of(*[[60, 48]] * 16, *[[62, 48]] * 24)
    scenario = """
        const { pen, elements } = browser, blue = () => pen.boxes.filter((box) => box[0] === '#0072b2');
        const shown = [blue(), elements.cursor.style.transform];
        pen.boxes.length = 0;
        browser.set('position', '8');
        shown.push(pen.boxes.length, elements.cursor.style.transform);
        browser.set('position', '34');
        return [...shown, blue(), elements.cursor.style.transform];
    """
    first, at_0, redrawn, at_8, second, at_34 = played(piece, scenario)
    # Of a page of 32 quarters that is 960 pixels wide, after 40 with the names.
    assert [box[1::2] for box in first] == [[40, 480], [520, 480]]
    assert first[1][2] < first[0][2]
    assert redrawn == 0
    assert [box[1::2] for box in second] == [[40, 240]]
    assert [at_0, at_8, at_34] == [f"translateX({x}px)" for x in (40, 280, 100)]


def test_given_notes_are_told_of_only_if_there_are_any(played):
    piece, scenario = piece_of([60, 48]), "return browser.elements.given.hidden"
    assert played(piece, scenario)
    assert not played(piece, scenario, given=[[True, False]])


def test_a_browser_without_sound_says_so(played):
    said = played(piece_of([60]), "browser.click('play'); return browser.text('problem')", has_audio=False)
    assert said == "This browser has no WebAudio, with which the page plays."
