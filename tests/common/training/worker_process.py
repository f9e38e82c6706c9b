"""What one of two workers does in `test_workers`, which gives it `index`, `addresses` and `folder`."""

import dataclasses
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np

folder = Path(folder)  # noqa: F821
for name, stream in (("out", 1), ("err", 2)):
    os.dup2(os.open(folder / f"{name}.{index}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)  # noqa: F821
sys.path.insert(0, str(Path(__file__).parent))
import joint_training as joint  # noqa: E402

from common.errors import UserError  # noqa: E402
from common.training import loop  # noqa: E402
from common.training.runtime import set_up  # noqa: E402
from common.training.workers import all_or_none  # noqa: E402

options = dataclasses.replace(joint.OPTIONS, workers=addresses, worker=index)  # noqa: F821
set_up(options)
loop.plot_learning_curves = lambda *_: None


def keep(name, weights):
    np.savez(folder / f"{name}.{index}.npz", *weights)  # noqa: F821


def own(name):
    """As `open_run` does it: only the first worker's folder is the run's."""
    return folder / f"{name}.{index}"  # noqa: F821


def wait_for(name):
    while not (folder / name).exists():
        time.sleep(0.05)


weights, history = joint.train(own("plain"), options)
keep("plain", weights)
np.save(folder / f"losses.{index}.npy", [[epoch["loss"], epoch["val_loss"]] for epoch in history])  # noqa: F821

keep("whole", joint.train(own("whole"), options, dropout=0.3)[0])
undo = joint.stop_in_third_epoch()
try:
    joint.train(own("broken"), options, dropout=0.3)
except KeyboardInterrupt as interruption:
    (folder / f"interrupted.{index}.txt").write_text(str(interruption))  # noqa: F821
    undo()
# The second worker goes on from what the first has kept, as from a folder that both see.
if index == 0:  # noqa: F821
    (folder / "stopped").touch()
else:
    wait_for("stopped")
    shutil.rmtree(own("broken"))
    shutil.copytree(folder / "broken.0", own("broken"))
resuming = dataclasses.replace(options, resume=True)
keep("resumed", joint.train(own("broken"), resuming, dropout=0.3)[0])

weights, shapes = joint.train_streams(own("streams"), dataclasses.replace(options, epochs=1))
keep("streams", weights)
assert shapes == [(5, 4)], "the model that is kept has all of its streams"

try:
    with all_or_none(options):
        if index == 0:  # noqa: F821
            raise UserError("this run exists")
except UserError as error:
    (folder / f"refused.{index}.txt").write_text(str(error))  # noqa: F821

try:
    joint.train(own("other_data"), options, seed=1 + index)  # noqa: F821
except UserError as error:
    (folder / f"other_data.{index}.txt").write_text(str(error))  # noqa: F821

if index == 1:  # noqa: F821
    # It is there, but does not train, until the other has given up; then that one is gone.
    wait_for("given_up")
joint.train(own("alone"), dataclasses.replace(options, worker_timeout=4.0))
