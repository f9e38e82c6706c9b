"""The network of the detector as a Keras model."""

import keras

from applications.anomaly_detection.config import HORIZONS, Config
from applications.anomaly_detection.forecaster import QuantileForecaster
from applications.anomaly_detection.sensor_memory import FEATURES, REFERENCES

FORECASTER = "forecaster"


def build(config: Config, precision: str = "float32") -> keras.Model:
    """The model from what rows say (`sensor_memory.Reading`) to quantiles of the rows ahead.

    Inputs, by name:
        features: `[batch, time, 9]`.
        references: `[batch, time, horizons, 9]`.

    Returns:
        The model; its output is `[batch, time, horizons, levels]`, standardised. Its layer `forecaster` also reads row
        by row.
    """
    inputs = {
        "features": keras.Input((None, FEATURES), name="features"),
        "references": keras.Input((None, len(HORIZONS), REFERENCES), name="references"),
    }
    forecaster = QuantileForecaster(
        config.cell,
        config.units,
        config.layers,
        config.head_units,
        config.dropout,
        name=FORECASTER,
        dtype=precision,
    )
    return keras.Model(inputs, forecaster(inputs["features"], inputs["references"]), name="detector")
