"""Find a time zone by its name."""

from __future__ import annotations

from datetime import timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def find_zone(name: str) -> tzinfo:
    """Return the time zone of a name such as `Europe/Berlin`; UTC needs no data of the system.

    Raises:
        ValueError: There is none of this name.
    """
    if name == 'UTC':
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError(
            f'{name!r} is no time zone; name one such as Europe/Berlin or UTC'
        ) from None
