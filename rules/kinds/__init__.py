"""The kinds of rules, one file each: how it is written, what it compiles to, how it is said."""

from typing import Any, Protocol

import msgspec

from rules.alerts import Alert
from rules.kinds import (
    account,
    adl,
    basis,
    depeg,
    expression,
    fear_greed,
    feed_health,
    funding,
    funding_spread,
    insurance_fund_change,
    liquidation,
    long_short_ratio,
    open_interest_change,
    order,
    price_change,
)
from rules.sentences import Sentences
from rules.spec import RuleSpec
from rules.template import fill


class Kind(Protocol):
    """What a module in this folder offers."""

    SPEC: type[RuleSpec]

    def say(self, alert: Alert, now_ms: int) -> Sentences: ...


KINDS: dict[str, Any] = {
    "funding": funding,
    "funding_spread": funding_spread,
    "depeg": depeg,
    "liquidation": liquidation,
    "feed_health": feed_health,
    "open_interest_change": open_interest_change,
    "price_change": price_change,
    "basis": basis,
    "long_short_ratio": long_short_ratio,
    "insurance_fund_change": insurance_fund_change,
    "fear_greed": fear_greed,
    "adl": adl,
    "order": order,
    "account": account,
    "expression": expression,
}


def say(alert: Alert, now_ms: int) -> Sentences:
    """The alert in words: the trader's own headline if the rule has one, the kind's otherwise."""
    kind = KINDS.get(alert.kind)
    if kind is None:  # an alert of a newer version, read by an older one
        return Sentences(f"{' '.join(alert.key.values())}: {alert.value:g}")
    sentences: Sentences = kind.say(alert, now_ms)
    if alert.template is not None:
        return msgspec.structs.replace(sentences, headline=fill(alert.template, alert.facts))
    return sentences


def describe(rule: RuleSpec) -> str:
    """The rule in a sentence."""
    return f"{rule.id}: {rule.sentence()}"
