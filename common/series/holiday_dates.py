"""Public holidays of countries and of their regions, as numbers of days."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import date

from common.errors import FlagError

_EPOCH = date(1970, 1, 1).toordinal()


def require_holidays(code: str) -> None:
    """Raises FlagError, with the nearest codes, unless the holidays of a code such as AU-VIC or DE are known."""
    import holidays

    country, _, region = code.partition("-")
    regions = holidays.list_supported_countries(include_aliases=False)
    if code in regions or region in regions.get(country, ()):
        return
    near = _nearest(code, regions)
    advice = f"did you mean {' or '.join(near)}?" if near else "expected a country and region such as AU-VIC"
    raise FlagError(f"--holidays {code}: no holidays of that code are known; {advice}")


def _nearest(code: str, regions: Mapping[str, Sequence[str]]) -> list[str]:
    from babel import Locale

    names = {str(name).casefold(): one for one, name in Locale("en").territories.items() if one in regions}
    if code.casefold() in names:
        return [names[code.casefold()]]
    codes = [*regions, *(f"{country}-{part}" for country, parts in regions.items() for part in parts)]
    return difflib.get_close_matches(code.upper(), codes, 3, 0.5)


def holiday_dates(code: str, first_year: int, last_year: int) -> list[int]:
    """The public holidays of a country or region, as days since 1970-01-01, in their order.

    Args:
        code: the country's two letters, and the region's behind a hyphen: AU-VIC, DE, US-CA.
        first_year: whose holidays are wanted.
        last_year: the last of them.

    Raises:
        FlagError: there is no such country or region; it names the nearest codes.

    Example:
        >>> from datetime import date, timedelta
        >>> str(date(1970, 1, 1) + timedelta(holiday_dates("AU-VIC", 2024, 2024)[0]))
        '2024-01-01'
    """
    import holidays

    require_holidays(code)
    country, _, region = code.partition("-")
    dates = holidays.country_holidays(country, region or None, years=range(first_year, last_year + 1))
    return sorted(day.toordinal() - _EPOCH for day in dates if first_year <= day.year <= last_year)
