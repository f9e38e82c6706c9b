"""The fit loop of all applications, on `keras.Model.fit`, that can be killed at any moment and resumed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from common.errors import UserError, is_disk_full, is_interrupt
from common.evaluation.plots import plot_learning_curves
from common.training.callbacks import (
    BestWeights,
    History,
    SaveState,
    Scores,
    ShowProgress,
    TrainingProgress,
    restore_state,
)
from common.training.optimizer import make_optimizer
from common.training.options import TrainingOptions
from common.training.run_folder import BEST_WEIGHTS, CURVES, STATE
from common.training.workers import Counts, Together


def fit(
    model: keras.Model,
    batches: Callable[[range], tuple[tf.data.Dataset, int]],
    validation: tf.data.Dataset,
    options: TrainingOptions,
    folder: Path,
    *,
    loss: Any,
    metrics: Sequence[keras.metrics.Metric] = (),
    monitor: str = "val_loss",
    mode: str = "min",
    scores: Callable[[], Mapping[str, float]] | None = None,
    counts: Counts | None = None,
    title: str = "epoch",
) -> History:
    """Trains a model, and leaves it with the weights of its best validation.

    After each epoch the folder holds the log, the learning curves, the best weights and all that a resumed run needs
    to end as an uninterrupted one would: weights, averaged weights, the optimiser's variables, the seeds of dropout;
    the order of the data follows from the seed and the epoch.

    Args:
        model: built; it is compiled with an optimiser of `make_optimizer`.
        batches: from a range of epochs to their batches, one epoch after another, and the number of batches in each, as
            `training_batches` gives.
        validation: batches that are evaluated after each epoch.
        options: the training flags; `options.resume` goes on from the folder's last finished epoch.
        folder: where the run is kept.
        loss: of targets and outputs, as Keras takes it.
        metrics: of Keras; they heed the weights of examples, where batches have them. They are given made, since those
            that Keras makes of a name in the first step let it trace that step twice.
        monitor: the validation metric that chooses the best epoch.
        mode: `min` or `max`: which way `monitor` is better.
        scores: further metrics of the validated weights, such as those of what the model writes; the name `bleu` is
            logged, and can be monitored, as `val_bleu`.
        counts: from inputs and targets of a batch to how much each row `[rows]` adds to what the loss is a mean over,
            such as its real tokens; rows alike, unless it is given. Several workers weigh their shares by it.
        title: what the progress lines begin with.

    Returns:
        One dictionary of metrics per epoch.

    Raises:
        KeyboardInterrupt: training was interrupted; its message says how to resume.
        UserError: the loss was no longer a number in the first epoch, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _, steps = batches(range(1))
    model.compile(make_optimizer(options, steps), loss=loss, weighted_metrics=[*metrics], jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    before = restore_state(folder, model, options.epochs) if options.resume else TrainingProgress()
    history, since = before.history, before.since
    first = len(history)
    if not before.finished and first < options.epochs:
        progress = ShowProgress(steps, options.epochs, title)
        training, _ = batches(range(first, options.epochs))
        together = Together.of(options)
        callbacks = [] if scores is None else [Scores(scores)]
        if together is not None:
            training = together.share(training, counts)
            callbacks += [together]
        callbacks += [BestWeights(folder, history, monitor, mode, options.patience, since)]
        callbacks += [keras.callbacks.SwapEMAWeights()] if options.averaging else []
        callbacks += [] if together is not None else [keras.callbacks.TerminateOnNaN()]
        callbacks += [SaveState(folder, history, since), progress]
        callbacks += [keras.callbacks.TensorBoard(folder / "tensorboard")] if options.tensorboard else []
        try:
            with nullcontext() if together is None else together.apart(model):
                model.fit(
                    training,
                    initial_epoch=first,
                    epochs=options.epochs,
                    steps_per_epoch=steps,
                    validation_data=validation,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
        except BaseException as error:
            if is_interrupt(error):
                raise KeyboardInterrupt(
                    (together.interruption() if together is not None else "")
                    or f"interrupted; {len(history)} of {options.epochs} epochs are kept in {folder}: go on with the "
                    "same command and --resume"
                ) from None
            if is_disk_full(error):
                raise _no_space(folder) from error
            if together is not None:
                together.end_if_lost(error)
            raise
        finally:
            progress.close()
    if not (folder / BEST_WEIGHTS).exists():
        raise UserError(
            f"{folder}: the loss became NaN or infinite in the first epoch; try a lower --learning-rate"
        )
    plot_learning_curves(history, folder / CURVES)
    model.load_weights(folder / BEST_WEIGHTS)
    return history


def _no_space(folder: Path) -> UserError:
    """The error of a disk that was full when an epoch was to be kept."""
    kept = "the epochs before are kept: free some, and go on with the same command and --resume"
    nothing = "no epoch could be kept: free some, and start again"
    return UserError(f"{folder}: no space left on the disk; {kept if (folder / STATE).exists() else nothing}")
