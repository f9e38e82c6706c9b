"""The training flags that mean the same in every application."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.checks import require_at_least, require_fraction
from common.errors import UserError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class TrainingOptions:
    """How a model is trained: length, optimiser, schedule, regularisation by averaging, and where the run is kept."""

    epochs: int = 10
    """Passes over the training data at most."""
    batch_size: int = 64
    """Examples per step."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW (Loshchilov and Hutter 2019)."""
    warmup: float = 0.05
    """Share of all steps in which the rate rises linearly to its peak; it then falls along a cosine."""
    final_learning_rate: float = 0.01
    """Learning rate at the last step, as a share of the peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay; biases, gains and offsets are exempt."""
    beta_2: float = 0.99
    """Decay of Adam's average of squared gradients."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this global norm (Pascanu et al. 2013)."""
    averaging: float = 0.99
    """Momentum of the moving average of the weights (Polyak and Juditsky 1992), which is kept; 0 for none."""
    patience: int = 5
    """Epochs without a better validation before training stops early."""
    precision: Precision = "float32"
    """mixed_bfloat16 is up to 1.9 times as fast on CPUs with AMX or AVX512-BF16; the export is float32."""
    intra_op_threads: int = 0
    """Threads within one operation; 0 leaves it to TensorFlow. 1 is fastest for recurrent layers on 2 cores."""
    seed: int = 1
    """Fixes initial weights, the order of the data and all dropout."""
    name: str = "run"
    """Name of the run."""
    runs: Path = Path("runs")
    """Where runs are kept: <runs>/<application>/<name>."""
    resume: bool = False
    """Go on with a run that was interrupted, from its last finished epoch."""
    overwrite: bool = False
    """Delete an earlier run of this name first."""
    tensorboard: bool = False
    """Also write TensorBoard logs (needs the `tensorboard` extra)."""

    def __post_init__(self) -> None:
        require_at_least(1, epochs=self.epochs, batch_size=self.batch_size)
        require_at_least(0, patience=self.patience, clip_norm=self.clip_norm, weight_decay=self.weight_decay)
        require_fraction(warmup=self.warmup, averaging=self.averaging, beta_2=self.beta_2)
        if not self.learning_rate > 0:
            raise UserError(f"--learning-rate {self.learning_rate}: expected more than 0")
        if self.name in ("", ".", "..") or Path(self.name).name != self.name:
            raise UserError(f"--name {self.name!r}: expected the name of a folder, without slashes")
