"""A venue's insurance fund pays: it shrank, or grew, by more than so much within a window."""

from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.events import InsuranceFund
from rules.kinds.changing import Changing, Direction, moved, peaked
from rules.kinds.words import number
from rules.selection import EVERYTHING
from rules.sentences import Sentences
from rules.spec import Duration, Symbols


class InsuranceFundChange(Changing):
    """A fund that falls has paid for positions that went below zero."""

    ON = InsuranceFund
    EXAMPLE = "2%"
    WHAT = "the insurance fund"

    type: Literal["insurance_fund_change"]
    coins: Annotated[Symbols, Field(description="the coins the fund is held in; left out: all")] = (EVERYTHING,)
    direction: Annotated[Direction, Field(description="up, down, or both ways")] = "down"
    max_age: Annotated[Duration | None, Field(gt=0)] = 172_800_000

    def names(self) -> tuple[str, ...]:
        return self.coins

    def field(self) -> str:
        return "amount"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`bybit USDT: insurance fund down 4.1% within 1d (limit 2%)`."""
    del now_ms
    amount, coin = number(alert.facts, "amount"), alert.key.get("coin")
    reading = moved(alert, "insurance fund")
    return Sentences(
        f"{alert.key.get('venue')} {coin}: {reading}",
        () if amount is None else (f"now {units.say_number(amount)} {coin}",),
        peaked(alert),
        reading,
    )


SPEC = InsuranceFundChange
