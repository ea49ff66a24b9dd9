"""The balance of an account of yours, or the margin ratio of a position in it, is beyond a limit."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Rule
from rules.events import AccountUpdate, Balance
from rules.kinds.private import Limit, Private, about, in_unit
from rules.kinds.words import limits, number
from rules.levels import ladder, order
from rules.sentences import Reading, Sentences
from rules.spec import Name, levels_or

Part = Literal["available", "frozen", "isolated", "total"]
PARTS: tuple[Part, ...] = ("available", "frozen", "isolated")
EXAMPLE = "above: 80%, below: 500, or levels: {warning: 1000, critical: 500}"


class AccountRule(Private):
    """Looks at what the venue says whenever an account or a position changes. Levels that fall look downward."""

    ON = AccountUpdate
    ADDED = ("watch", "coin", "balance")

    type: Literal["account"]
    watch: Annotated[Literal["balance", "margin_ratio"], Field(description="what the limits are of")] = "balance"
    coin: Annotated[Name | None, Field(description="the coin of the balance: USDT", validate_default=True)] = None
    balance: Annotated[Part, Field(description="available, frozen (for orders), isolated (margin), or their total")] = (
        "available"
    )
    levels: Annotated[dict[Severity, Limit] | None, Field(description="a limit per severity; falling: below it")] = None
    above: Annotated[Limit | None, Field(description="fires while it is above")] = None
    below: Annotated[Limit | None, Field(description="fires while it is below")] = None
    clear: Annotated[Limit | None, Field(description="it is over at this value")] = None

    @field_validator("coin")
    @classmethod
    def _coin(cls, coin: str | None, info: ValidationInfo) -> str | None:
        watch = info.data.get("watch")
        if watch == "balance" and coin is None:
            raise ValueError("a balance is of one coin; coin: USDT")
        if watch == "margin_ratio" and coin is not None:
            raise ValueError("a margin ratio is a position's, not a coin's; leave it out, or watch: balance")
        return None if coin is None else coin.upper()

    @field_validator("levels", "above", "below", "clear", mode="before")
    @classmethod
    def _of_what_is_watched(cls, value: object, info: ValidationInfo) -> object:
        return in_unit(value, is_share=info.data.get("watch") == "margin_ratio")

    @model_validator(mode="after")
    def _whole(self) -> "AccountRule":
        given = [limit for limit in (self.levels or None, self.above, self.below) if limit is not None]
        if len(given) != 1:
            raise ValueError(f"give one limit; {EXAMPLE}")
        levels = self._levels()
        order(levels, falling=self.falls)
        if self.clear is not None:
            mildest = (max if self.falls else min)(levels.values())
            if (self.clear < mildest) if self.falls else (self.clear > mildest):
                raise ValueError("clear is beyond the limit, so it could never fire; put it on the safe side")
        return self

    @property
    def falls(self) -> bool:
        """Whether less is worse."""
        if not self.levels:
            return self.below is not None
        ranked = [self.levels[severity] for severity in sorted(self.levels, key=lambda severity: severity.rank)]
        return ranked[0] > ranked[-1]

    def _levels(self) -> dict[Severity, float]:
        return levels_or(self.above if self.above is not None else self.below, self.levels, self.severity)

    def compile(self) -> Rule:
        sign = -1.0 if self.falls else 1.0
        coin, part = self.coin, self.balance
        is_ratio = self.watch == "margin_ratio"

        def score(event: AccountUpdate) -> float | None:
            value = event.margin_ratio if is_ratio else _amount(event.balances, coin, part)
            return None if value is None else value * sign

        return self.scored(
            AccountUpdate,
            score,
            by=("venue", "account", "position_id") if is_ratio else ("venue", "account"),
            ladder=ladder(self._levels(), strict=True, clear=self.clear, falling=self.falls),
            max_age_ms=self.max_age,
            facts={"watch": self.watch, "coin": coin, "balance": part},
        )

    def sentence(self) -> str:
        is_ratio = self.watch == "margin_ratio"
        said = {severity: _limit(is_ratio, limit) for severity, limit in self._levels().items()}
        what = "the margin ratio of a position" if is_ratio else f"the {self.balance} {self.coin}"
        clear = "" if self.clear is None else f", clears at {_limit(is_ratio, self.clear)}"
        return (
            f"when {what}{self.whose()}{self.places()} is {'below' if self.falls else 'above'} "
            f"{limits(said)}{self.manners()}{clear}"
        )


def _amount(balances: tuple[Balance, ...], coin: str | None, part: Part) -> float | None:
    """A part of one coin's balance; None if the account does not say it."""
    for one in balances:
        if one.coin.upper() == coin:
            parts = [getattr(one, name) for name in (PARTS if part == "total" else (part,))]
            known = [amount for amount in parts if amount is not None]
            return sum(known) if known else None
    return None


def _limit(is_ratio: bool, value: float) -> str:
    return units.say_percent(value) if is_ratio else units.say_number(value)


def _said(is_ratio: bool, value: float, limit: float | None) -> str:
    return units.say_share(value, limit) if is_ratio else units.say_number(value)


def say(alert: Alert, now_ms: int) -> Sentences:
    """`main: 412.50 USDT available (limit 500)`, or a position's margin ratio."""
    del now_ms
    facts = alert.facts
    is_ratio = facts.get("watch") == "margin_ratio"
    limit = "" if alert.threshold is None else _limit(is_ratio, alert.threshold)
    value, peak = (_said(is_ratio, one, alert.threshold) for one in (alert.value, alert.peak))
    who = about(alert.key, facts) if is_ratio else alert.key.get("account")
    if is_ratio and number(facts, "margin_ratio") == 0 and alert.ended_ms is not None:
        reading = Reading("closed", limit=limit)
    elif is_ratio:
        reading = Reading("margin ratio ", value, "", limit, alert.value)
    else:
        reading = Reading("", value, f" {facts.get('coin')} {facts.get('balance')}", limit, alert.value)
    return Sentences(f"{who}: {reading}", peak=peak if is_ratio else f"{peak} {facts.get('coin')}", reading=reading)


SPEC = AccountRule
