"""Words are spoken as asked for, and always the same: whatever was said before, from any thread, in any process."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import espeakng_loader
import numpy as np
import pytest

from common.audio import synthesis
from common.audio.synthesis import Voice, synthesize
from common.audio.voices import ACCENTS, VARIANTS
from common.errors import UserError

VOICES = [Voice(variant=variant) for part in VARIANTS.values() for variant in part]
LONG = "aaaaaaaaaaaa"


@pytest.fixture
def loader(monkeypatch):
    """Where the library and its data are looked for, to be changed."""
    synthesis._paths.cache_clear()
    found = SimpleNamespace(
        get_library_path=espeakng_loader.get_library_path, get_data_path=espeakng_loader.get_data_path
    )
    monkeypatch.setitem(sys.modules, "espeakng_loader", found)
    yield found
    synthesis._paths.cache_clear()


def fundamental(waveform):
    """The pitch in Hz of a steady vowel, by the highest peak of the autocorrelation from 50 to 500 Hz."""
    middle = waveform[len(waveform) // 3 : 2 * len(waveform) // 3]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    return 16_000 / (32 + np.argmax(correlation[32:320]))


def test_a_word_is_half_a_second_of_speech_in_the_range_of_a_waveform():
    for voice in VOICES:
        word = synthesize("forward", voice)
        assert word.dtype == np.float32
        assert 0.25 < len(word) / 16_000 < 1
        assert 0.02 < np.sqrt(np.mean(word**2)) < 0.4, voice
        assert np.abs(word).max() <= 1


def test_words_differ_and_so_do_voices():
    words = [synthesize(word, Voice()) for word in ("yes", "no", "left", "right", "go")]
    assert len({word.tobytes() for word in words}) == len(words)
    assert len({synthesize("yes", voice).tobytes() for voice in VOICES}) == len(VOICES)
    assert len({synthesize("forward", Voice(accent)).tobytes() for accent in ACCENTS}) == len(ACCENTS)


def test_the_same_voice_says_the_same_word_the_same_way_whatever_was_said_before():
    first = [synthesize("stop", voice) for voice in VOICES]
    again = [synthesize("stop", voice) for voice in reversed(VOICES)]
    for voice, one, other in zip(VOICES, first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=voice.speaker)


def test_another_process_says_the_same_and_prints_nothing():
    script = (
        "import hashlib, sys\n"
        "from common.audio.synthesis import Voice, synthesize\n"
        "synthesize('something else', Voice('en', 'whisper'))\n"
        "waveform = synthesize('left', Voice('en', 'f2', 60, 40, 150))\n"
        "sys.stdout.write(hashlib.sha256(waveform.tobytes()).hexdigest())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    waveform = synthesize("left", Voice("en", "f2", 60, 40, 150))
    assert done.stdout == hashlib.sha256(waveform.tobytes()).hexdigest()
    assert done.stderr == ""


def test_threads_may_speak_at_once():
    tasks = [(word, voice) for word in ("up", "down", "off") for voice in VOICES[::4]]
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(lambda task: synthesize(*task), tasks))
    for (word, voice), waveform in zip(tasks, at_once, strict=True):
        np.testing.assert_array_equal(waveform, synthesize(word, voice))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_process_forked_while_a_thread_speaks_can_speak_too():
    script = (
        "import os, threading\n"
        "from common.audio.synthesis import Voice, synthesize\n"
        "expected = synthesize('yes', Voice()).tobytes()\n"
        "def talk():\n"
        "    while True: synthesize('one two three four five six seven', Voice())\n"
        "threading.Thread(target=talk, daemon=True).start()\n"
        "for _ in range(20):\n"
        "    child = os.fork()\n"
        "    if not child: os._exit(0 if synthesize('yes', Voice()).tobytes() == expected else 3)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


def test_speed_and_pitch_are_heard():
    slow, fast = (len(synthesize("forward", Voice(words_per_minute=rate))) for rate in (120, 240))
    assert 1.6 < slow / fast < 2.4
    flat = Voice(pitch_range=0, words_per_minute=100)
    low, middle, high = (fundamental(synthesize(LONG, replace(flat, pitch=pitch))) for pitch in (20, 50, 80))
    assert 50 < 1.1 * low < middle < high / 1.1 < 250


def test_a_womans_voice_is_higher_than_a_mans():
    woman, man = (
        fundamental(synthesize(LONG, Voice(variant=variant, pitch_range=0, words_per_minute=100)))
        for variant in ("f5", "m4")
    )
    assert woman > 1.5 * man


@pytest.mark.parametrize("voice", [Voice("xx"), Voice(variant="nobody"), Voice(variant="")])
def test_a_voice_that_espeak_ng_lacks_is_named(voice):
    with pytest.raises(UserError, match=f"voice {voice.language}\\+{voice.variant}: .* none of that name"):
        synthesize("yes", voice)


def test_without_the_package_one_line_tells_what_to_install(monkeypatch):
    synthesis._paths.cache_clear()
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match="pip install espeakng-loader") as error:
        synthesize("yes", Voice())
    assert "\n" not in str(error.value)


def test_a_library_that_cannot_be_loaded_is_named(loader, tmp_path):
    library = tmp_path / "libespeak-ng.so"
    library.write_text("not a library")
    loader.get_library_path = lambda: str(library)
    with pytest.raises(UserError, match=f"cannot be loaded .*{library}"):
        synthesize("yes", Voice())


def test_data_that_are_not_there_are_named_and_nothing_is_printed(loader, tmp_path, capfd):
    loader.get_data_path = lambda: str(tmp_path / "espeak-ng-data")
    with pytest.raises(UserError, match=r"its data are not in .*espeak-ng-data"):
        synthesize("yes", Voice())
    assert capfd.readouterr() == ("", "")


def test_data_may_lie_159_bytes_deep_and_deeper_ones_are_refused_without_a_word(loader, tmp_path, capfd):
    expected = synthesize("yes", Voice())
    for length, is_read in ((159, True), (160, False)):
        deep = tmp_path / ("d" * (length - len(str(tmp_path)) - 1))
        deep.symlink_to(espeakng_loader.get_data_path())
        loader.get_data_path = lambda deep=deep: str(deep)
        synthesis._paths.cache_clear()
        if is_read:
            np.testing.assert_array_equal(synthesize("yes", Voice()), expected)
        else:
            with pytest.raises(UserError, match="deeper than the 159 bytes"):
                synthesize("yes", Voice())
    assert capfd.readouterr() == ("", "")
