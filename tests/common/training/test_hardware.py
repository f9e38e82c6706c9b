"""The machine that a model is trained on is named in its card."""

from common.training.hardware import hardware


def test_the_machine_is_known():
    machine = hardware()
    assert machine.cpu
    assert machine.cores >= 1
