"""The parts of the data of both tasks: what is trained on, validated on and measured on."""

import dataclasses
from collections.abc import Callable

from applications.anomaly_detection.config import Config
from common.errors import UserError
from common.series.reading_sources import load_readings, parts_in
from common.series.reading_tables import ReadingSource
from common.series.readings import Readings

Sample = Callable[[str], Readings]


def training_parts(
    config: Config, sample: Sample, divided: Callable[[Readings], tuple[Readings, Readings]]
) -> tuple[Readings, Readings]:
    """The readings to train on, and those to validate on: those of the flag, the part of the data for it, or else what
    `divided` holds out.

    Raises:
        UserError: the data cannot be read.
    """
    source = config.source
    train = load_readings(source, "train", sample)
    if config.validation is not None:
        return train, load_readings(dataclasses.replace(source, data=str(config.validation)), "all", sample)
    if "validation" in parts_in(source):
        return train, load_readings(source, "validation", sample)
    return divided(train)


def evaluation_part(source: ReadingSource, sample: Sample) -> Readings:
    """The readings to measure on: the test part where there is one, or else all.

    Raises:
        UserError: the data cannot be read.
    """
    return load_readings(source, "test" if "test" in parts_in(source) else "all", sample)


def require_same_sensors(train: Readings, validation: Readings) -> None:
    """Raises UserError, naming both, if two parts have other sensors."""
    if train.sensors != validation.sensors:
        raise UserError(
            f"{validation.name}: sensors {', '.join(validation.sensors)}; expected those of {train.name}: "
            f"{', '.join(train.sensors)}"
        )
