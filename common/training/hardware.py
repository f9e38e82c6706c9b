"""What a model is trained on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf


@dataclass(frozen=True)
class Hardware:
    """What a model was trained on: the processor's name, the cores in use, and any GPUs' names."""

    cpu: str
    cores: int
    gpus: tuple[str, ...]


def hardware() -> Hardware:
    """This machine's."""
    gpus = (
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    )
    return Hardware(
        _cpu_model(), len(os.sched_getaffinity(0)) if _has_affinity() else os.cpu_count() or 1, tuple(gpus)
    )


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _has_affinity() -> bool:
    return hasattr(os, "sched_getaffinity")
