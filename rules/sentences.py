"""What a rule kind has to say about one alert, before any sink has dressed it."""

from collections.abc import Sequence

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """The number in a headline and the words around it, so that one line can say it of several alerts."""

    before: str  # `longs pay shorts `
    value: str = ""  # `0.0812%`; empty: the words say all
    after: str = ""  # ` per 8 h`
    limit: str = ""  # `0.05%`
    number: float = 0.0  # what orders readings

    def __str__(self) -> str:
        """`longs pay shorts 0.0812% per 8 h (limit 0.05%)`."""
        return self._with(self.value, f"limit {self.limit}" if self.limit else "")

    def among(self, others: Sequence["Reading | None"]) -> str:
        """The same of all that read alike: `longs pay shorts 0.061% to 0.094% per 8 h (limit 0.05%; 5 of 7)`.

        `others` has all the readings, this one too. Those that read otherwise are only counted.
        """
        alike = [one for one in others if one is not None and (one.before, one.after) == (self.before, self.after)]
        low, high = (found(alike, key=lambda one: one.number).value for found in (min, max))
        limits = {one.limit for one in alike}
        notes = [f"limit {self.limit}"] if self.limit and len(limits) == 1 else []
        if len(alike) < len(others):
            notes.append(f"{len(alike)} of {len(others)}")
        return self._with(low if low == high else f"{low} to {high}", "; ".join(notes))

    def _with(self, value: str, notes: str) -> str:
        return f"{self.before}{value}{self.after}{f' ({notes})' if notes else ''}"


class Sentences(msgspec.Struct, frozen=True):
    """The kind's own words. Severity, times, how long it has held and the rule's id are said by the renderer."""

    headline: str  # `binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)`
    details: tuple[str, ...] = ()  # `next settlement in 1h12m`; the first shares a line with how long it has held
    peak: str = ""  # the episode's extreme in the kind's unit: `0.0975% per 8 h`; empty: the bare number is shown
    reading: Reading | None = None  # the headline's number; None: it has none
