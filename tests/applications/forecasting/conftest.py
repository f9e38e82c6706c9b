"""What the tests of forecasting share: the rows that a served model is asked."""

import numpy as np
import pytest

LOOKBACK, HORIZON, HOUR = 24, 8, 3600


@pytest.fixture
def asked(made):
    """The first two days of both shops from a day on, as a server is asked: `asked(3)` from the third day."""
    table = made.case.table()

    def rows(day=0, steps=LOOKBACK):
        shops = [table[table["shop"] == name].iloc[24 * day :] for name in ("north", "south")]
        before, whole = slice(0, steps), slice(0, steps + HORIZON)
        times = [shop["time"].to_numpy()[before].astype("datetime64[s]").astype(np.int64) for shop in shops]
        return {
            "values": np.stack([shop[["sales"]].to_numpy(np.float32)[before] for shop in shops]),
            "past": np.stack([shop[["rain"]].to_numpy(np.float32)[before] for shop in shops]),
            "known": np.stack([shop[["price"]].to_numpy(np.float32)[whole] for shop in shops]),
            "time": np.stack(times),
            "series": np.array(["north", "south"]),
        }

    return rows
