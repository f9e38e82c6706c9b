"""The microphone of the page: what it hears arrives whole, models listen live, and without a socket by clips."""

import io

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.slow

LISTEN = """async (seconds) => {
    const { listen } = await import("/sound.js");
    const words = [];
    let heard, failed;
    const over = new Promise((resolve, reject) => { heard = resolve; failed = reject; });
    const on_answer = (answer) => { words.push(answer); if (words.length === 3) heard(); };
    const session = await listen({ application: "speech_commands", on_answer, on_error: failed });
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 1000 * seconds))]);
    session.stop();
    return { is_live: session.is_live, words };
}"""


def test_a_recording_is_what_the_microphone_heard(open_view, loaded):
    view = open_view("translation")
    file, levels = view.evaluate(
        """async () => {
            const { record, wav } = await import("/sound.js");
            const levels = [];
            const samples = await record(2.5, (level) => levels.push(level));
            return [[...wav(samples)], levels];
        }"""
    )
    waveform, rate = soundfile.read(io.BytesIO(bytes(file)))
    assert (rate, len(waveform)) == (16_000, 40_000)
    assert max(levels) > 0.5 > min(levels)
    assert all(0 <= level <= 1 for level in levels)
    recognise = loaded("speech_commands")
    assert "yes" in {word.label for word in recognise.stream(waveform.astype(np.float32))}


def test_a_model_listens_live(open_view):
    answer = open_view("translation").evaluate(LISTEN, 30)
    assert answer["is_live"]
    # The first may be the end of a word that was being said as the microphone opened.
    _, first, second = answer["words"]
    assert first["label"] == second["label"] == "yes"
    assert 1.5 < second["time"] - first["time"] < 2.5, "the word and a second of silence"
    assert first["probability"] > 0.9


def test_without_a_socket_clips_are_sent(open_view):
    view = open_view("translation")
    view.evaluate(
        "() => { window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } }; }"
    )
    answer = view.evaluate(LISTEN, 30)
    assert not answer["is_live"]
    assert {word["label"] for word in answer["words"]} == {"yes"}


def test_why_there_is_no_microphone_is_said_in_one_line(open_view):
    view = open_view("translation")
    line = """async () => {
        const { record } = await import("/sound.js");
        return record(1).then(() => "recorded", (error) => error.message);
    }"""
    view.context.clear_permissions()
    view.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    assert view.evaluate(line) == (
        "The browser gives the microphone to pages of https:// or of this machine (localhost) only."
    )


def test_another_rate_is_converted_in_the_worklet(open_view):
    view = open_view("translation")
    samples = view.evaluate(
        """async () => {
            const context = new OfflineAudioContext(1, 48000, 48000);
            await context.audioWorklet.addModule("/worklet.js");
            const tone = new OscillatorNode(context, { frequency: 1000 });
            const high = new OscillatorNode(context, { frequency: 11000 });
            const quiet = new GainNode(context, { gain: 0.25 });
            const blocks = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 1 });
            const heard = [];
            blocks.port.onmessage = ({ data }) => heard.push(...data);
            tone.connect(quiet);
            high.connect(quiet);
            quiet.connect(blocks).connect(context.destination);
            tone.start();
            high.start();
            await context.startRendering();
            await new Promise((resolve) => setTimeout(resolve, 200));
            return heard;
        }"""
    )
    assert 14_000 < len(samples) <= 16_000
    spectrum = np.abs(np.fft.rfft(np.array(samples[3200:11_200]) / 32768)) / 4000
    assert spectrum[500] == pytest.approx(0.25, abs=0.01), "the tone of 1,000 Hz is as loud as it was"
    spectrum[495:506] = 0
    assert spectrum.max() < 0.005, "and nothing else is heard: 11,000 Hz would be 5,000 Hz"
