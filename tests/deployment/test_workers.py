"""The image of Beam's workers has what the project needs, and the Beam that it takes."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "deployment" / "workers.Dockerfile"
TEXT = FILE.read_text("utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]


def argument(name):
    return re.search(rf"^ARG {name}=(.*)$", TEXT, re.MULTILINE).group(1)


def test_its_beam_and_its_python_are_such_as_the_project_takes():
    (beam,) = map(Requirement, PROJECT["optional-dependencies"]["scale_out"])
    assert beam.name == "apache-beam"
    assert argument("BEAM") in beam.specifier
    assert f"{argument('PYTHON')}.0" in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_what_it_copies_is_there_and_sent_to_the_builder():
    copies = re.findall(r"^COPY (.*) \S+$", TEXT, re.MULTILINE)
    copied = {name for names in copies for name in names.split()}
    assert {"common", "applications", "saved_models", "pyproject.toml"} <= copied
    assert all((REPOSITORY / name).exists() for name in copied)
    sent = FILE.with_name(f"{FILE.name}.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == copied
    assert sent[0] == "*"


def test_what_the_project_is_built_of_is_copied():
    copied = TEXT.partition("RUN pip install")[0]
    for name in (PROJECT["readme"], *PROJECT["license-files"]):
        assert f" {name} " in copied
