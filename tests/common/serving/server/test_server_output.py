"""A server whose lines nobody can read any longer goes on, and takes new versions."""

import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

pytestmark = pytest.mark.slow


def version_of(port):
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/models/toy:predict", json={"instances": ["a"]}, timeout=60
    )
    return answer.json()["predictions"][0]["version"]


@pytest.mark.parametrize("end", ["the reader goes", "the disk is full"])
def test_new_versions_come_though_no_line_can_be_written(toys, models, put, end):
    output = subprocess.PIPE if end == "the reader goes" else open("/dev/full", "w")  # noqa: SIM115
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "common.serving.server", "--models", str(models)),
            *("--rest-port", "0" if end == "the reader goes" else str(free_port())),
            *("--grpc-port", "0", "--poll-seconds", "0.1"),
        ],
        stdout=output,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        if end == "the reader goes":
            ready = next(line for line in server.stdout if line.startswith("ready: "))
            port = int(ready.split("REST on 127.0.0.1:")[1].split(",")[0])
            server.stdout.close()
        else:
            port = int(server.args[server.args.index("--rest-port") + 1])
            output.close()
        put(toys / "2", models / "toy" / "2")
        wait_for(lambda: version_of(port) == 2)
        put(toys / "1", models / "toy" / "3")
        wait_for(lambda: version_of(port) == 1)
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def wait_for(is_so):
    until = time.monotonic() + 60
    while True:
        try:
            if is_so():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
        time.sleep(0.1)
