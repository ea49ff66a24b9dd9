"""Numbers as people write them, in and out: 0.05%, 5bp, $1.5m, 15m."""

import re
from math import isfinite

_NUMBER = r"(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_FRACTION = re.compile(rf"([+-]?{_NUMBER})\s*(%|bps?)", re.ASCII)
_MONEY = re.compile(rf"([+-])?\$?\s*({_NUMBER})\s*(k|m|mn|b|bn|t|tn)?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.ASCII)
_WORDY = re.compile(
    r"(\d+(?:\.\d+)?)\s*(s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?)",
    re.IGNORECASE | re.ASCII,
)

FRACTIONS = {"%": 0.01, "bp": 1e-4, "bps": 1e-4}
SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12, "tn": 1e12}
DURATIONS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION_MAX_MS = 3_660 * 86_400_000  # ten years: beyond it somebody slipped on the keys

_BARE_FRACTION_MAX = 0.005
_LARGE = (("tn", 1e12), ("bn", 1e9), ("m", 1e6), ("k", 1e3))
_DIGITS_MAX = 9
_DAYS_ALONE = 10  # from so many days on, hours are not said


def fraction(text: str | float) -> float:
    """0.05%, 5bp or 5e-4 -> 0.0005. A bare number from 0.005 up is refused: 0.05 may mean 5% or 0.05%."""
    if isinstance(text, str) and (match := _FRACTION.fullmatch(text.strip())):
        # divided, not multiplied: 0.05 / 100 is the float that a person would type, 0.05 * 0.01 is its neighbour
        text = float(match[1].replace("_", "")) / round(1 / FRACTIONS[match[2]])
        if isfinite(text):
            return text
    number = _bare(text)
    if number is None:
        raise ValueError(f"'{text}' is not a percentage; write 0.05% or 5bp")
    if abs(number) >= _BARE_FRACTION_MAX:
        raise ValueError(f"{text} could mean {number:g}% or {number * 100:g}%; write the sign: {number:g}%")
    return number


def money(text: str | float) -> float:
    """$1.5m, 1.5m, $250k or 1500000 -> US dollars."""
    if isinstance(text, str):
        if match := _MONEY.fullmatch(text.strip()):
            sign = -1.0 if match[1] == "-" else 1.0
            amount = sign * float(match[2].replace("_", "")) * SCALES[(match[3] or "").lower()]
            if isfinite(amount):
                return amount
    elif (number := _bare(text)) is not None:
        return number
    raise ValueError(f"'{text}' is not an amount; write $250k, $1.5m or 1500000")


def duration_ms(text: str) -> int:
    """15m, 1h30m or 250ms -> milliseconds. A bare number is refused, because it has no unit."""
    position, total = 0, 0.0
    compact = text.strip() if isinstance(text, str) else ""
    for match in _DURATION.finditer(compact):
        if match.start() != position:
            break
        total += float(match[1]) * DURATIONS_MS[match[2]]
        position = match.end()
    if not compact or position != len(compact):
        raise ValueError(f"'{text}' is not a duration; {_meant_duration(compact or str(text))}")
    if total > DURATION_MAX_MS:
        raise ValueError(f"'{text}' is longer than ten years; write 30s, 5m, 1h30m or 2d")
    return round(total)


def _meant_duration(text: str) -> str:
    """`write 5m`, for 5 min."""
    match = _WORDY.fullmatch(text)
    return f"write {match[1]}{match[2].lower()[0]}" if match is not None else "write 30s, 5m, 1h30m or 2d"


def _bare(text: str | float) -> float | None:
    if isinstance(text, bool):
        return None
    try:
        number = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def say_percent(value: float) -> str:
    """0.0005 -> 0.05%: a limit, with every digit that was written."""
    return _percent(value, _DIGITS_MAX, None)


def say_rate(value: float, beside: float | None = None) -> str:
    """0.000812 -> 0.0812%: funding. At most four decimals, no trailing zeros.

    As with shares and amounts of money, a value that rounds to the limit `beside` it is said in more digits: one sees
    on which side of it the value is.
    """
    return _percent(value, 4, beside)


def say_share(value: float, beside: float | None = None) -> str:
    """0.089733 -> 8.97%, 0.12345 -> 12.3%, 1.234 -> 123%: how far something moved, or what part of something it is."""
    size = abs(value)
    digits = 2 if size < 0.1 else 1 if size < 1 else 0
    while digits < 4 and 0 < size * 100 < 0.5 * 10.0**-digits:  # little is not nothing
        digits += 1
    return _percent(value, digits, beside)


def say_money(value: float, beside: float | None = None) -> str:
    """1_540_000 -> $1.54m; 818_890 -> $819k; 999 -> $999; 0.98 -> $0.98."""
    sign, size, suffix, scale = _scaled(value)
    digits = 2 if size < 100 else 0
    return f"{sign}${_fixed(size, digits, None if beside is None else abs(beside) / scale)}{suffix}"


def say_amount(value: float) -> str:
    """1_234_500 -> $1.2345m: a limit in money, with every digit that was written."""
    sign, size, suffix, _ = _scaled(value)
    return f"{sign}${_fixed(size, _DIGITS_MAX, None)}{suffix}"


def say_ratio(value: float, beside: float | None = None) -> str:
    """3.2178 -> 3.22: how many times one thing is another."""
    return _fixed(value, 2, beside)


def say_price(value: float) -> str:
    """85296.6 -> 85,296.60; 0.02456 -> 0.02456. Five significant digits below 1,000."""
    if abs(value) >= 1000:
        return f"{value:,.2f}"
    return _trim(f"{value:.5g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.10f}")


def say_number(value: float) -> str:
    """37.5120001 -> 37.512; 2500000 -> 2,500,000. Six significant digits, and no exponent that a person must decode."""
    if abs(value) >= 100_000:
        return f"{value:,.0f}"
    if abs(value) >= 1e-4 or value == 0:
        return _trim(f"{float(f'{value:.6g}'):,f}")
    return f"{value:.4g}"


def say_duration(ms: int) -> str:
    """How long something lasted: 5_400_000 -> 1h30m, 7_209_000 -> 2h; 900 -> 0.9s. The rest is cut off.

    Two units that are neighbours, of ten days and more the days alone, and never weeks: nobody counts 15w4d.
    """
    if ms < 1_000:
        return f"{ms / 1000:g}s"
    units = ("d", "h", "m", "s")
    first = next(place for place, suffix in enumerate(units) if ms >= DURATIONS_MS[suffix])
    count, ms = divmod(ms, DURATIONS_MS[units[first]])
    said = f"{count}{units[first]}"
    if first + 1 == len(units) or (first == 0 and count >= _DAYS_ALONE):
        return said
    count = ms // DURATIONS_MS[units[first + 1]]
    return f"{said}{count}{units[first + 1]}" if count else said


def say_setting(ms: int) -> str:
    """A duration that somebody chose, exactly: 1h30s, 400d, 250ms."""
    days, rest_ms = divmod(ms, DURATIONS_MS["d"])
    return f"{days}d{write_duration(rest_ms) if rest_ms else ''}" if days else write_duration(rest_ms)


def write_duration(ms: int) -> str:
    """The exact inverse of `duration_ms`: every unit that is there."""
    parts = []
    for suffix in ("w", "d", "h", "m", "s", "ms"):
        count, ms = divmod(ms, DURATIONS_MS[suffix])
        if count:
            parts.append(f"{count}{suffix}")
    return "".join(parts) or "0s"


def _scaled(value: float) -> tuple[str, float, str, float]:
    """Sign, size and suffix of an amount, and what it was divided by."""
    suffix, scale = next((one for one in _LARGE if abs(value) >= one[1] * 0.9995), ("", 1.0))
    return "-" if value < 0 else "", abs(value) / scale, suffix, scale


def _percent(value: float, digits: int, beside: float | None) -> str:
    return f"{_fixed(value * 100, digits, None if beside is None else beside * 100)}%"


def _fixed(value: float, digits: int, beside: float | None) -> str:
    """So many decimals, or as many more as tell the value from what stands beside it."""
    if beside is not None and value != beside:
        while digits < _DIGITS_MAX and f"{value:.{digits}f}" == f"{beside:.{digits}f}":
            digits += 1
    return _trim(f"{value:.{digits}f}")


def _trim(text: str) -> str:
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
