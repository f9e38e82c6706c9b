"""Runs a module as a shell would, in a process that was forked from one that has imported TensorFlow and Keras.

`conftest.Forked` gives it `module`, `arguments`, `folder`, `environment`, and the files `out` and `err`.
"""

import os
import runpy
import signal
import sys
from functools import partial

import tensorflow as tf

from common.inference import runner
from common.layers import attention_decoder, recurrent
from common.layers.recurrence import loops, steps

os.environ.clear()
os.environ.update(environment)  # noqa: F821
os.chdir(folder)  # noqa: F821
for path, stream in ((out, 1), (err, 2)):  # noqa: F821
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, stream)
    os.close(file)
# A shell lets what it starts in the background ignore Ctrl-C, and the tests may have been started so.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A matter of speed alone, as in the tests' own process: most of a training of seconds is the tracing of loops,
# unrolled, for each core and for batches of each size, and what TensorFlow makes of it to run it a thousand times.
steps.STEPS_PER_ITERATION = 1
recurrent._shards = lambda _: 1
attention_decoder._SHARDS = 1
loops._train = partial(loops._few_rows, differentiable=True)
loops._infer = loops._one_kernel
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
runner._session_config = lambda *_: b"\x52\x05\x52\x03\x98\x01\x01"  # the same, as a ConfigProto
sys.argv = [module, *arguments]  # noqa: F821
runpy.run_module(module, run_name="__main__", alter_sys=True)  # noqa: F821
