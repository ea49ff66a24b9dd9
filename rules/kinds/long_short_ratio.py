"""The crowd leans to one side: accounts that hold longs for each one that holds a short."""

from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.events import LongShortRatio
from rules.kinds.bounded import Bounded, limit_of
from rules.kinds.words import listed, number
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Symbols


class LongShort(Bounded):
    """A ratio of 3 is three accounts long for each account short; their sizes do not count."""

    ON = LongShortRatio
    FIELD = "ratio"
    EXAMPLE = "above: 3, below: 0.5, or levels: {warning: 3, critical: 4}"

    type: Literal["long_short_ratio"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")]
    max_age: Annotated[Duration | None, Field(gt=0)] = 1_800_000

    def names(self) -> tuple[str, ...]:
        return self.symbols

    def sentence(self) -> str:
        return f"when the long/short ratio of {listed(self.symbols, 'any coin')}{self.places()} is {self.beyond()}"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`binance BTC-USDT-PERP: 3.21 accounts long for each short (limit 3)`."""
    del now_ms
    facts = alert.facts
    ratio, longs, shorts = (number(facts, name) for name in ("ratio", "long_share", "short_share"))
    shares = (
        ()
        if longs is None or shorts is None
        else (f"long {units.say_share(longs)}, short {units.say_share(shorts)} of accounts",)
    )
    said = units.say_ratio(ratio or 0.0, alert.threshold)
    reading = Reading("", said, " accounts long for each short", limit_of(alert), ratio or 0.0)
    return Sentences(
        f"{alert.key.get('venue')} {alert.key.get('symbol')}: {reading}",
        shares,
        units.say_ratio(alert.peak, alert.threshold),
        reading,
    )


SPEC = LongShort
