"""Spans of time in words."""

from __future__ import annotations

import math


def minutes_text(minutes: float) -> str:
    """`45 min`, `2 h 05 min`, `3 d 4 h`; a part of a minute counts as one."""
    whole = math.ceil(minutes)
    if whole < 60:
        return f"{whole} min"
    hours, rest = divmod(whole, 60)
    if hours < 24:
        return f"{hours} h {rest:02d} min" if rest else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def late_text(late_min: float | None) -> str:
    """Minutes after the deadline in words: `late` where nobody knows by how much, nothing when it was in time."""
    return "late" if late_min is None else minutes_text(late_min) if late_min > 0 else ""


def seconds_text(seconds: float) -> str:
    """`0.4 s`, `41.2 s`, `2 min 05 s`, `1 h 10 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3599.5:
        return "{} min {:02d} s".format(*divmod(round(seconds), 60))
    return minutes_text(round(seconds / 60))
