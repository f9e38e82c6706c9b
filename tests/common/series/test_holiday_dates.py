"""Public holidays are on the days that the law and the calendar have."""

from datetime import date, timedelta

import pytest

from common.errors import FlagError
from common.series.holiday_dates import holiday_dates, require_holidays


def dates(code, first, last):
    return [date(1970, 1, 1) + timedelta(day) for day in holiday_dates(code, first, last)]


def easter(year):
    """By the Gaussian algorithm, as Meeus, Jones and Butcher give it."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def nth_weekday(year, month, weekday, number):
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))


@pytest.mark.parametrize("year", [2012, 2013, 2014, 2024])
def test_german_holidays_are_those_of_all_its_states(year):
    fixed = [date(year, 1, 1), date(year, 5, 1), date(year, 10, 3), date(year, 12, 25), date(year, 12, 26)]
    moving = [easter(year) + timedelta(days) for days in (-2, 1, 39, 50)]
    assert dates("DE", year, year) == sorted(fixed + moving)


@pytest.mark.parametrize("year", [2012, 2013, 2014])
def test_holidays_of_victoria_are_its_own(year):
    there = dates("AU-VIC", year, year)
    for day in (
        nth_weekday(year, 3, 0, 2),  # Labour Day
        nth_weekday(year, 6, 0, 2),  # King's Birthday
        nth_weekday(year, 11, 1, 1),  # Melbourne Cup
        date(year, 4, 25),
        date(year, 12, 25),
        easter(year) - timedelta(2),
    ):
        assert day in there
    assert nth_weekday(year, 11, 1, 1) not in dates("AU-NSW", year, year)


def test_a_region_has_more_than_its_country():
    assert date(2024, 3, 31) in dates("US-CA", 2024, 2024)  # César Chávez Day
    assert date(2024, 3, 31) not in dates("US", 2024, 2024)
    assert {day.year for day in dates("US-CA", 2020, 2022)} == {2020, 2021, 2022}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AU-VIX", "did you mean AU-VIC or "),
        ("de", "did you mean DE or "),
        ("AU_VIC", "did you mean AU-VIC or "),
        ("Germany", "did you mean DE?"),
        ("united states", "did you mean US?"),
        ("DE-", "did you mean DE"),
        ("", "expected a country and region such as AU-VIC"),
        ("???", "expected a country and region such as AU-VIC"),
    ],
)
def test_a_code_that_is_not_known_is_refused_with_the_nearest(code, advice):
    for ask in (require_holidays, lambda one: holiday_dates(one, 2020, 2020)):
        with pytest.raises(FlagError) as error:
            ask(code)
        assert str(error.value).startswith(f"--holidays {code}: no holidays of that code are known; {advice}")
