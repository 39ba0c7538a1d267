"""FHIR time: instants, whole days, months and years as the interval in which they lie."""

import re
from datetime import UTC, datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:(Z)|([+-])(\d\d):(\d\d)))?)?)?", re.ASCII
)
_TICK = timedelta(milliseconds=1)


def interval(text: str) -> tuple[float, float]:
    """Tell the earliest and the latest moment that a FHIR date, dateTime or instant may mean, in days.

    A date without an hour is taken in UTC and ends a millisecond before the next.

    Raises:
        ValueError: it is none of the three, or has an hour and no zone.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is no date, or has an hour without a time zone")
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    try:
        start = datetime(year, month, day, tzinfo=UTC)
        if found[4]:
            start = start.replace(hour=int(found[4]), minute=int(found[5]), second=int(found[6]), tzinfo=_zone(found))
            start += timedelta(seconds=float("0." + (found[7] or "0")))
            end = start
        elif found[3]:
            end = start + timedelta(days=1) - _TICK
        elif found[2]:
            end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) - _TICK
        else:
            end = datetime(year + 1, 1, 1, tzinfo=UTC) - _TICK
        return days(start), days(end)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is not in the calendar") from error


def days(moment: datetime) -> float:
    """Count the days since 1970-01-01 UTC."""
    return (moment - EPOCH) / timedelta(days=1)


def _zone(found: re.Match[str]) -> timezone:
    if found[8]:
        return UTC
    offset = timedelta(hours=int(found[10]), minutes=int(found[11]))
    return timezone(-offset if found[9] == "-" else offset)
