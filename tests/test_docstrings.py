"""The examples in docstrings do what they show, and every class that does something has one."""

import ctypes
import dataclasses
import doctest
import enum
import importlib
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import common

pytestmark = pytest.mark.slow

# What a reader of an example has imported.
IMPORTED = {"np": np, "tf": tf, "keras": keras}
OPTIONAL = ("apache_beam",)
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(common.__path__, "common.")
    if not module.name.endswith("__main__")
)


def imported(name):
    """A module; the test of one that needs an extra of its own is skipped where that is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise


def examples_of(name):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [one for one in finder.find(imported(name), extraglobs=IMPORTED) if one.examples]


def needs_no_example(kind):
    """Whether a class only holds values, names a mistake, or says what others must have."""
    return (
        issubclass(kind, (BaseException, enum.Enum, tuple, ctypes.Structure))
        or dataclasses.is_dataclass(kind)
        or getattr(kind, "_is_protocol", False)
    )


def classes_of(name):
    members = vars(imported(name)).items()
    return [
        one
        for called, one in members
        if isinstance(one, type) and one.__module__ == name and not called.startswith("_")
    ]


@pytest.mark.parametrize("name", MODULES)
def test_examples_do_what_they_show(name, capsys):
    for example in examples_of(name):
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(example)
        assert not runner.failures, capsys.readouterr().out


@pytest.mark.parametrize("name", MODULES)
def test_every_class_that_does_something_has_an_example(name):
    without = [one for one in classes_of(name) if ">>>" not in (one.__doc__ or "")]
    assert not [one.__name__ for one in without if not needs_no_example(one)]
