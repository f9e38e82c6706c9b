"""Offsets of zones are those of zoneinfo at any instant."""

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import FlagError
from common.series.time_zones import offset_table, require_zone

ZONES = (
    *(
        "UTC",
        "Europe/Berlin",
        "Australia/Melbourne",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Asia/Kolkata",
    ),
    *(
        "Africa/Casablanca",
        "America/Los_Angeles",
        "Asia/Pyongyang",
        "Pacific/Apia",
        "Asia/Tehran",
        "Europe/Dublin",
        "America/Recife",
        "Asia/Gaza",
    ),
)
# Made when a test asks for them: every process of the tests imports this file.
table_of = cache(offset_table)
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=ZoneInfo("UTC")).timestamp()) for year in (1970, 2101))


def offset_at(zone, instant):
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).utcoffset().total_seconds()


@given(st.sampled_from(ZONES), st.integers(FIRST, LAST - 1))
def test_the_offset_of_any_instant_is_that_of_zoneinfo(zone, instant):
    instants, offsets = table_of(zone)
    assert offsets[np.searchsorted(instants, instant, "right") - 1] == offset_at(zone, instant)


@pytest.mark.parametrize("zone", ZONES)
def test_every_change_is_one_to_the_second(zone):
    instants, offsets = table_of(zone)
    assert (instants.dtype, offsets.dtype, instants[0]) == (np.int64, np.int32, FIRST)
    assert (np.diff(instants) > 0).all()
    assert (np.diff(offsets) != 0).all()
    for instant, before, after in zip(instants[1:].tolist(), offsets[:-1], offsets[1:], strict=True):
        assert (offset_at(zone, instant - 1), offset_at(zone, instant)) == (before, after)


def test_a_table_ends_with_its_last_year():
    instants, _ = offset_table("Europe/Berlin", 2020, 2021)
    years = [datetime.fromtimestamp(instant, ZoneInfo("UTC")).year for instant in instants.tolist()]
    assert years == [2020, 2020, 2020, 2021, 2021]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("melbourne", "did you mean Australia/Melbourne?"),
        ("new york", "did you mean America/New_York?"),
        ("qqq", "expected a name such as Europe/Berlin"),
        ("../UTC", ""),
        ("", ""),
    ],
)
def test_a_zone_that_does_not_exist_is_refused_with_the_nearest(name, advice):
    for ask in (require_zone, offset_table):
        with pytest.raises(FlagError) as error:
            ask(name)
        assert str(error.value).startswith(f"--time-zone {name}: no zone of that name; {advice}")
