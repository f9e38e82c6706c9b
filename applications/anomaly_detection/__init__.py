"""Anomaly detection: readings of sensors -> alarms as they happen, by a recurrent forecaster and named detectors."""

from collections.abc import Mapping
from typing import Any

from common.application import Application, Question


def _table() -> bytes:
    from applications.anomaly_detection.sample import pump_with_fault, table

    return str(table(pump_with_fault()).to_csv(index=False)).encode()


def _request() -> Mapping[str, Any]:
    from applications.anomaly_detection.predict import Predictor
    from applications.anomaly_detection.sample import pump_with_fault, table

    with Predictor() as predictor:
        request: Mapping[str, Any] = predictor.request(table(pump_with_fault()))
    return request


APPLICATION = Application(
    name="anomaly_detection",
    title="Anomaly detection",
    takes="readings of sensors over time",
    gives="alarms: when, how severe, which sensor, what was expected",
    knows="made streams of many kinds; it judges sensors of any unit and rate after some hundred rows of each",
    questions=(
        Question(
            "when the readings of a made pump are not what they should be",
            _table,
            file="readings.csv",
            flag="--input",
            request=_request,
        ),
    ),
    served_input="values",
)
