"""The training flags that mean the same in every application."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from common.checks import FRACTION, SHARE, Above, AtLeast, Between, check_ranges
from common.errors import FlagError
from common.training.cluster import named_cluster

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained: length, optimiser, schedule, regularisation by averaging, and where the run is kept."""

    epochs: Annotated[int, AtLeast(1)] = 10
    """Passes over the training data at most."""
    batch_size: Annotated[int, AtLeast(1)] = 64
    """Examples per step."""
    learning_rate: Annotated[float, Above(0)] = 1e-3
    """Peak learning rate of AdamW (Loshchilov and Hutter 2019)."""
    warmup: Annotated[float, FRACTION] = 0.05
    """Share of all steps in which the rate rises linearly to its peak; it then falls along a cosine."""
    final_learning_rate: Annotated[float, SHARE] = 0.01
    """Learning rate at the last step, as a share of the peak."""
    weight_decay: Annotated[float, AtLeast(0)] = 0.01
    """Decoupled weight decay; biases, gains and offsets are exempt."""
    beta_2: Annotated[float, FRACTION] = 0.99
    """Decay of Adam's average of squared gradients."""
    clip_norm: Annotated[float, AtLeast(0)] = 1.0
    """Gradients are scaled down to this global norm (Pascanu et al. 2013)."""
    averaging: Annotated[float, FRACTION] = 0.99
    """Momentum of the moving average of the weights (Polyak and Juditsky 1992), which is kept; 0 for none."""
    patience: Annotated[int, AtLeast(0)] = 5
    """Epochs without a better validation before training stops early."""
    precision: Precision = "float32"
    """mixed_bfloat16 is up to 1.9 times as fast on CPUs with AMX or AVX512-BF16; the export is float32."""
    intra_op_threads: Annotated[int, AtLeast(0)] = 0
    """Threads within one operation; 0 leaves it to TensorFlow. 1 is fastest for recurrent layers on 2 cores."""
    seed: Annotated[int, Between(0, 2**32 - 1)] = 1
    """Fixes initial weights, the order of the data and all dropout."""
    name: str = "run"
    """Name of the run."""
    runs: Path = Path("runs")
    """Where runs are kept: <runs>/<application>/<name>."""
    init_from: Path | None = None
    """Begin with the weights, the vocabulary and the sizes of this model: saved_models/<application>/<version>, or a
    finished run."""
    resume: bool = False
    """Go on with a run that was interrupted, from its last finished epoch; with more --epochs than before also with one
    that has ended. The learning rate then follows the schedule of the new length, so it is higher at first than where
    the shorter one had come to."""
    overwrite: bool = False
    """Delete an earlier run of this name first."""
    tensorboard: bool = False
    """Also write TensorBoard logs (needs the `tensorboard` extra)."""
    workers: str = ""
    """host:port,host:port,...: train together with these processes, of which this is one; each takes its share of every
    batch. The first keeps the run. Without it, TF_CONFIG is heeded where it is set."""
    worker: Annotated[int, AtLeast(0)] | None = None
    """Which of the workers this process is, from 0."""
    worker_timeout: Annotated[float, Above(0)] = 600.0
    """Seconds to wait for the other workers, in each step, before giving up."""

    def __post_init__(self) -> None:
        check_ranges(self)
        named_cluster(self)
        if self.name in ("", ".", "..") or Path(self.name).name != self.name:
            raise FlagError(f"--name {self.name!r}: expected the name of a folder, without slashes")
