"""What the conformance test is to know of forecasting: data, a training of seconds, and what to ask."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from common.application import Question

PHASES = (".",)
TRAINING = (
    *("--epochs", "4", "--patience", "4", "--learning-rate", "0.01", "--averaging", "0.5"),
    *("--batch-size", "16", "--windows", "240", "--validation-windows", "64", "--dropout", "0.1"),
)
EXPORT = ()
# What `serving_default` takes beside the warm-up requests is no text: tests of the application ask it.
EXAMPLES = ()

TARGET, PAST, KNOWN = "sales", "rain", "price"
COLUMNS = ("--target-columns", TARGET, "--past-columns", PAST, "--known-columns", KNOWN)
START, STEPS = pd.Timestamp("2024-03-04"), 240
_LEVELS = {"north": 100.0, "south": 20.0}
_GAP = slice(60, 66)


def table(steps: int = STEPS) -> pd.DataFrame:
    """Hours of two shops, with a day's season, less sold at a higher price and in rain; with one gap."""
    rng = np.random.default_rng(5)
    return pd.concat([_of_shop(name, level, steps, rng) for name, level in _LEVELS.items()])


def _of_shop(name: str, level: float, steps: int, rng: np.random.Generator) -> pd.DataFrame:
    hours = np.arange(steps)
    rain = rng.gamma(1.0, 1.0, steps).round(1)
    price = np.where(hours // 24 % 3 == 0, 9.5, 8.0)
    share = 1 + 0.4 * np.sin(2 * np.pi * hours / 24) - 0.1 * (price - 8) - 0.02 * rain
    sales = level * (share + 0.05 * rng.standard_normal(steps))
    sales[_GAP] = np.nan
    times = START + pd.to_timedelta(hours, unit="h")
    return pd.DataFrame({"time": times, "shop": name, TARGET: sales.round(2), PAST: rain, KNOWN: price})


def history(ahead: int = 8) -> pd.DataFrame:
    """The last days of the first shop, and prices of the hours ahead, in which nothing is sold yet."""
    shop = table().query("shop == 'north'").tail(40 + ahead).reset_index(drop=True)
    shop.loc[shop.index[-ahead:], [TARGET, PAST]] = np.nan
    return shop


def write_data(folder: Path) -> tuple[str, ...]:
    """A CSV as a user has it: the hours of two shops, one after another."""
    path = folder / "sales.csv"
    table().to_csv(path, index=False)
    return "--data", str(path), "--series-column", "shop", *COLUMNS


def write_unusable_data(folder: Path) -> tuple[tuple[str, ...], str]:
    """A CSV whose last hour is in it twice, and how the line that refuses it begins."""
    path = folder / "twice.csv"
    shop = table(60).query("shop == 'north'")
    pd.concat([shop, shop.tail(1)]).to_csv(path, index=False)
    expected = f"{path}, line 62: time 2024-03-06 11:00:00 of series 'north' is in line 61 already"
    return ("--data", str(path), "--series-column", "shop", *COLUMNS), expected


def write_evaluation_data(folder: Path) -> tuple[str, ...]:
    """The data of the training, of which the last fifth is measured."""
    return *write_data(folder)[:2], "--test-fraction", "0.2", "--stride", "3"


def question(version: Path) -> Question:
    """What a model of these shops is asked."""
    return Question(
        "what a shop sells in the next three hours",
        lambda: history().to_csv(index=False).encode(),
        file="history.csv",
        flag="--input",
        flags=("--horizon", "3"),
        request=partial(_request, version),
    )


def _request(version: Path) -> Mapping[str, Any]:
    from applications.forecasting.predict import Predictor

    with Predictor(version) as predictor:
        return predictor.request(history())


def write_question(folder: Path) -> tuple[tuple[str, ...], str]:
    """The arguments of `predict`, and a regular expression of the whole answer."""
    arguments = question(folder).arguments(folder)
    number = r"-?\d+(\.\d+)?"
    hours = [
        rf"2024-03-13 {hour}:00:00\t{number}\t{number} to {number}\tnorth\tsales\n" for hour in (16, 17, 18)
    ]
    return tuple(arguments), "".join(hours)
