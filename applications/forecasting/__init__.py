"""Time-series forecasting: values over time -> the quantiles of the next steps, by a recurrent model of segments."""

from collections.abc import Mapping
from typing import Any

from common.application import Application, Question


def _table() -> bytes:
    from applications.forecasting.sample import last_weeks

    return str(last_weeks().to_csv(index=False)).encode()


def _request() -> Mapping[str, Any]:
    from applications.forecasting.predict import Predictor
    from applications.forecasting.sample import last_weeks

    with Predictor() as predictor:
        request: Mapping[str, Any] = predictor.request(last_weeks())
    return request


APPLICATION = Application(
    name="forecasting",
    title="Forecasting",
    takes="a table of values over time",
    gives="the quantiles of the next steps, with their dates",
    knows="the demand for electricity of Victoria, each half hour, two days ahead",
    questions=(
        Question(
            "how much electricity a made city will need in the next two days",
            _table,
            file="demand.csv",
            flag="--input",
            flags=("--horizon", "96"),
            request=_request,
        ),
    ),
    served_input="values",
)
