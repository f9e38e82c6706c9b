"""Users see no chatter of TensorFlow's start-up, and see all that is an error or that Python warns of."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def run(code, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**clean, **environment},
        timeout=120,
    )
    return result.returncode, result.stdout, result.stderr


WRITE = """
import os, sys, warnings
from common.startup import start_up_messages_removed
with start_up_messages_removed():
    os.write(2, b"I0000 00:00:17 1 port.cc:153] chatter\\nE0000 00:00:17 1 x.cc:1] broken\\nplain\\n")
    print("from Python", file=sys.stderr, flush=True)
"""


def test_chatter_is_dropped_and_errors_and_pythons_own_words_come_through():
    assert run(WRITE)[2] == "from Python\nE0000 00:00:17 1 x.cc:1] broken\nplain\n"


def test_a_user_who_asks_for_tensorflows_log_sees_all_of_it():
    assert "chatter" in run(WRITE, TF_CPP_MIN_LOG_LEVEL="0")[2]


def test_importing_an_application_silences_tensorflow_without_importing_it_but_for_what_it_warns_of_later():
    code = (
        "import applications, sys; print('tensorflow' in sys.modules);"
        "import tensorflow as tf; print(int(tf.constant(1) + 1));"
        "tf.get_logger().warning('look out')"
    )
    assert run(code) == (0, "False\n2\n", "WARNING:tensorflow:look out\n")
