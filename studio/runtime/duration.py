"""A duration in words."""


def duration(seconds: float) -> str:
    """ "5 s", "3 min", "2 h 10 min": as exact as an estimate deserves."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
