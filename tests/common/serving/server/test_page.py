"""The server's side of the page: its files, who may ask, and live sound."""

import http.client
import json
import re
import shutil
import socket
import time
from contextlib import suppress
from html.parser import HTMLParser

import httpx
import numpy as np
import pytest
import tensorflow as tf
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from common.errors import UserError
from common.serving.server.local_server import ServerOptions, running_server
from common.serving.server.page_files import PAGE, PageFiles

pytestmark = pytest.mark.slow

RATE = 16_000
FILES = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.*"))


class Ears(tf.Module):
    """Hears by `waveform`: the largest sample of each clip."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="waveform")])
    def waveform(self, waveform):
        return {"peak": tf.reduce_max(waveform, axis=1), "error": tf.fill([tf.shape(waveform)[0]], "")}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="audio"),
            tf.TensorSpec([None, 1], tf.float32, name="state_0"),
        ]
    )
    def step(self, audio, state_0):
        total = state_0[:, 0] + tf.reduce_sum(audio, axis=1)
        is_loud = tf.reduce_any(audio > 0.9, axis=1)
        error = tf.where(is_loud, "audio: too loud", "")
        return {"total": total, "state_0": total[:, None], "error": error}


@pytest.fixture(scope="module")
def hearing(toys, tmp_path_factory):
    """Models that hear by clips and by steps, and one that does not."""
    folder, ears = tmp_path_factory.mktemp("models"), Ears()
    tf.saved_model.save(ears, str(folder / "clips" / "1"), signatures={"waveform": ears.waveform})
    tf.saved_model.save(ears, str(folder / "steps" / "1"), signatures={"step": ears.step})
    shutil.copytree(toys / "1", folder / "toy" / "1")
    return folder


@pytest.fixture(scope="module")
def server(hearing):
    options = {"page": True, "rest_port": 0, "grpc_port": 0, "poll_seconds": 0, "max_listeners": 2}
    with running_server(ServerOptions(models=hearing, allow_origin=("https://host",), **options)) as running:
        yield running


@pytest.fixture
def listen(server):
    """Opens the WebSocket as the server's own page does."""

    def opened(model, origin=None, **options):
        own = f"http://127.0.0.1:{server.rest_port}"
        address = f"ws://127.0.0.1:{server.rest_port}/listen?model={model}"
        return connect(address, origin=origin or own, **options)

    return opened


@pytest.fixture
def web(server):
    with httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}", timeout=60) as client:
        yield client


def heard(session, blocks):
    """What the server says, from its first message to its last."""
    for block in blocks:
        session.send(block)
    session.send("end")
    return [json.loads(message) for message in session]


def pcm(waveform):
    return np.round(np.asarray(waveform) * 32768).astype("<i2").tobytes()


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_the_page_is_served_with_its_type_and_the_policy(web, file):
    answer = web.get(f"/{file}")
    assert answer.content == (PAGE / file).read_bytes()
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "json": "application/json"}
    assert answer.headers["content-type"].partition(";")[0] == types[file.rpartition(".")[2]]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_is_at_the_root_and_uses_no_script_or_style_within_it(web):
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, dict(attributes)))

    text = web.get("/").text
    Reader().feed(text)
    assert text == (PAGE / "index.html").read_text("utf-8")
    assert all("src" in attributes for tag, attributes in found if tag == "script")
    assert not [tag for tag, attributes in found if tag == "style" or "style" in attributes]


def test_wasm_has_the_type_that_browsers_ask_for(tmp_path):
    (tmp_path / "model.wasm").write_bytes(b"\0asm")
    assert PageFiles(tmp_path).response("/model.wasm").media_type == "application/wasm"


@pytest.mark.parametrize(
    "path",
    [
        "/../server/rest.py",
        "/%2e%2e/server/rest.py",
        "/views/../../client.py",
        "//etc/passwd",
        "/views",
        "/nothing.js",
    ],
)
def test_nothing_beside_the_page_is_served(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


def test_without_the_flag_there_is_no_page_and_no_socket(models, serve):
    server, web = serve(models)
    assert web.get("/").status_code == 404
    assert web.get("/page.js").status_code == 404
    with pytest.raises(InvalidStatus):
        connect(
            f"ws://127.0.0.1:{server.rest_port}/listen?model=toy",
            origin=f"http://127.0.0.1:{server.rest_port}",
        )
    answer = web.get("/v1/models/toy", headers={"Origin": "https://host"})
    assert "access-control-allow-origin" not in answer.headers


def test_only_the_origins_that_were_allowed_may_read_answers(web):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    ours, foreign = (
        web.options("/v1/models/toy:predict", headers={"Origin": origin, **asked})
        for origin in ("https://host", "https://evil.example")
    )
    assert ours.headers["access-control-allow-origin"] == "https://host"
    assert "access-control-allow-origin" not in foreign.headers
    answer = web.post("/v1/models/toy:predict", json={"instances": ["a"]}, headers={"Origin": "https://host"})
    assert answer.headers["access-control-allow-origin"] == "https://host"


@pytest.mark.parametrize("origin", ["host", "https://host/page", "ftp://host", "https://"])
def test_what_is_no_origin_is_refused_before_models_are_loaded(models, origin):
    line = re.escape(f"--allow-origin {origin}: expected an origin such as https://host")
    with (
        pytest.raises(UserError, match=line),
        running_server(ServerOptions(models=models, allow_origin=(origin,))),
    ):
        pass


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1"])
def test_a_foreign_page_may_not_listen(listen, host):
    with pytest.raises(InvalidStatus) as refused:
        listen("clips", origin=f"http://{host}")
    assert refused.value.response.status_code == 403


def test_a_page_without_an_origin_may_not_listen(server):
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.rest_port}/listen?model=clips")
    assert refused.value.response.status_code == 403


def test_a_foreign_name_that_leads_to_this_machine_may_not_listen(server):
    name = f"evil.example:{server.rest_port}"
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://{name}/listen?model=clips",
            origin=f"http://{name}",
            sock=socket.create_connection(("127.0.0.1", server.rest_port)),
        )
    assert refused.value.response.status_code == 403


def test_a_page_that_was_allowed_may_listen(listen):
    with listen("clips", origin="https://host") as session:
        assert json.loads(session.recv())["way"] == "clip"


@pytest.mark.parametrize("block", [1600, 700, 16_000])
def test_clips_are_heard_every_tenth_of_a_second_however_the_sound_is_cut(listen, block):
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
    waveform[5000] = 0.75
    samples = pcm(waveform)
    with listen("clips") as session:
        facts, *answers, last = heard(
            session, [samples[at : at + 2 * block] for at in range(0, len(samples), 2 * block)]
        )
    assert facts == {"model": "clips", "way": "clip", "sample_rate": RATE}
    assert last == {"done": True}
    assert [answer["time"] for answer in answers] == pytest.approx(np.arange(1, 21) / 10)
    padded = np.concatenate([np.zeros(RATE), np.frombuffer(samples, "<i2") / 32768])
    expected = [padded[1600 * n : 1600 * n + RATE].max() for n in range(1, 21)]
    assert [answer["peak"] for answer in answers] == pytest.approx(expected)


def test_a_model_of_steps_hears_every_sample_once(listen):
    waveform = np.random.default_rng(1).uniform(-0.5, 0.5, RATE)
    samples = pcm(waveform)
    with listen("steps") as session:
        facts, *answers, _ = heard(session, [samples[at : at + 1500] for at in range(0, len(samples), 1500)])
    assert facts["way"] == "step"
    assert set(answers[0]) == {"time", "total"}, "states stay on the server"
    assert answers[-1]["total"] == pytest.approx((np.frombuffer(samples, "<i2") / 32768).sum(), abs=1e-3)
    assert answers[-1]["time"] == pytest.approx(1.4), "0.4 s of silence end what is said"


@pytest.mark.parametrize(
    ("model", "message", "line"),
    [
        ("nothing", None, "Servable not found for request: Latest(nothing)"),
        ("toy", None, "toy hears no sound: it has no signature for waveforms"),
        ("clips", b"odd", 'expected blocks of 16-bit samples, or the text "end"'),
        ("clips", "hello", 'expected blocks of 16-bit samples, or the text "end"'),
        ("steps", pcm(np.full(RATE // 10, 0.95)), "audio: too loud"),
    ],
)
def test_what_cannot_be_heard_is_one_line(listen, model, message, line):
    with listen(model) as session:
        if message is not None:
            session.recv()
            session.send(message)
        if line.startswith("audio"):
            session.send("end")
        assert json.loads(session.recv()) == {"error": line}
        with pytest.raises(ConnectionClosed):
            session.recv()


def test_more_than_a_second_in_one_message_ends_the_session(listen):
    with listen("clips") as session:
        session.recv()
        session.send(bytes(2 * RATE + 2))
        with pytest.raises(ConnectionClosed) as closed:
            session.recv()
        assert closed.value.rcvd.code == 1009


def test_sessions_are_bounded_and_freed_when_a_page_goes_away(listen):
    for _ in range(20):
        # Some are refused, as those before are not let go yet.
        with listen("clips") as session, suppress(ConnectionClosed):
            session.recv()
            session.send(bytes(3200))
    refused = {"error": "2 pages listen already, which is the most"}
    deadline = time.monotonic() + 30
    while True:
        with listen("clips") as one, listen("clips") as other, listen("clips") as third:
            told = [json.loads(session.recv()) for session in (one, other, third)]
        # A server learns a moment later that a page is gone.
        if refused not in told[:2] or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert [one.get("model") for one in told[:2]] == ["clips", "clips"]
    assert told[2] == refused
