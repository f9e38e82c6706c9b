"""The page in a real browser: one Chromium and one server with the shipped models for all tests, a page for each."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import wave
from contextlib import ExitStack
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from applications import load

REPOSITORY = Path(__file__).parents[4]
PAGE = REPOSITORY / "common" / "serving" / "page"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
PATIENCE_MS = 90_000
"""The first answer of each signature takes long, on a machine that does much else."""
SERVER = """
import runpy, common.inference.runner
common.inference.runner._session_config = lambda *_: {config!r}
runpy.run_module("common.serving.server", run_name="__main__")
"""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@pytest.fixture(scope="session")
def declared():
    """Gives what the page knows of an application, by its name."""
    applications = json.loads((PAGE / "applications.json").read_text("utf-8"))
    return {application["name"]: application for application in applications}.__getitem__


@pytest.fixture(scope="session")
def loaded(loaded_once):
    """Gives the predictor of an application, loaded once."""
    with ExitStack() as stack:

        @cache
        def one(name):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("common.predicting.predictor.SavedModelRunner", loaded_once)
                return stack.enter_context(load(name))

        yield one


@pytest.fixture(scope="session")
def spoken(declared, tmp_path_factory):
    """What the browser's microphone hears over and over: the word yes, and a second of silence."""
    row = declared("speech_commands")["examples"][0]["row"]
    path = tmp_path_factory.mktemp("sound") / "yes.wav"
    with (
        wave.open(io.BytesIO(base64.b64decode(row["audio_bytes"]["b64"]))) as one,
        wave.open(str(path), "wb") as file,
    ):
        file.setparams(one.getparams())
        file.writeframes(one.readframes(one.getnframes()) + bytes(2 * one.getframerate()))
    return path


@pytest.fixture(scope="session")
def elsewhere():
    """The address of a plain server of files, which has the page and no models."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=PAGE)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def address(elsewhere, without_grappler, config_without_grappler, tmp_path_factory):
    """Of the local server, which runs the shipped models as they were written: their first answers come sooner."""
    models = tmp_path_factory.mktemp("models")
    for version in (REPOSITORY / "saved_models").glob("*/1"):
        # The server follows no link that leads out of its folder.
        shutil.copytree(without_grappler(version), models / version.parent.name / "1")
    program = SERVER.format(config=config_without_grappler)
    command = [sys.executable, "-c", program, "--page", "--models", models]
    flags = ["--rest-port", "0", "--grpc-port", "0", "--poll-seconds", "0", "--allow-origin", elsewhere]
    with subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as server:
        lines = iter(server.stdout.readline, "")
        found = next((line for line in lines if line.startswith("page: ")), None)
        assert found, "the server ended"
        yield found.removeprefix("page: ").strip()
        server.terminate()


@pytest.fixture(scope="module")
def browser(spoken):
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}; install Debian's chromium, or say where it is by CHROMIUM=PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={spoken}"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(address, elsewhere, browser):
    """A page that has loaded nothing yet. It reaches the servers of the test alone; when the test is over, it has asked
    for nothing else, broken no policy, and no script has failed."""
    with ExitStack() as stack:
        context = browser.new_context(permissions=["microphone"])
        stack.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        foreign, faults = [], []

        def reached(request):
            if request.url.startswith("http") and not request.url.startswith((address, elsewhere)):
                foreign.append(request.url)

        def said(message):
            if "Content Security Policy" in message.text:
                faults.append(message.text)

        page = context.new_page()
        page.on("request", reached)
        page.on("console", said)
        page.on("pageerror", lambda error: faults.append(str(error)))
        yield page
        assert not foreign
        assert not faults


@pytest.fixture
def open_view(address, browser_page):
    """Opens the view of an application and gives the page once the view is there."""

    def opened(name, **options):
        browser_page.set_viewport_size(options.get("size", {"width": 1100, "height": 800}))
        browser_page.goto(f"{options.get('at', address)}{options.get('query', '')}#{name}")
        browser_page.locator(f'#view[data-shown="{name}"]').wait_for()
        return browser_page

    return opened
