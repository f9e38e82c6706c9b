"""The page without a server: its models, over a runtime that counts, and what it lets in."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "common" / "serving" / "offline_page"
RUNTIME = """
export const env = { wasm: {} };
export const InferenceSession = {};
export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_its_models_read_on_and_write_on(tmp_path):
    for path in PAGE.glob("*.js"):
        shutil.copy(path, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "ort.wasm.min.mjs").write_text(RUNTIME)
    code = REPOSITORY / "tests" / "common" / "serving" / "offline.test.mjs"
    command = ["node", "--test", "--test-reporter=tap", str(code)]
    done = subprocess.run(
        command, env={**os.environ, "FOLDER": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"(?m)^# pass 5$", done.stdout)


def test_it_loads_nothing_from_elsewhere_and_shows_no_text_as_html():
    sources = {path.name: path.read_text("utf-8") for path in PAGE.iterdir()}
    assert not [name for name, text in sources.items() if re.search(r"https?://|innerHTML|eval\(", text)]
    policy = re.search(r'content="(default-src [^"]+)"', sources["index.html"])[1]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert allowed["connect-src"] == "'self'"
