"""Which alerts somebody means, for routes, silences and inhibitions alike."""

from collections.abc import Mapping

import msgspec

from rules.alerts import Alert, Severity
from rules.selection import Selection

PLACES = ("symbol", "coin", "feed")  # what names the thing itself, in this order


class Matchers(msgspec.Struct, frozen=True, kw_only=True):
    """All that are given must match; each is a list of which one is enough. Nothing given matches everything."""

    rules: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()  # BTC means all its instruments, as in the rules
    venues: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    labels: Mapping[str, str] = {}

    def matches(self, alert: Alert, labels: Mapping[str, str]) -> bool:
        """Whether this alert, of a rule with these labels, is meant."""
        return (
            (not self.rules or alert.rule_id in self.rules)
            and (not self.kinds or alert.kind in self.kinds)
            and (not self.severities or alert.severity in self.severities)
            and (not self.venues or _fold(part(alert, "venue")) in {_fold(name) for name in self.venues})
            and (not self.symbols or Selection.of(self.symbols).matches(thing(alert).upper()))
            and all(labels.get(name) == value for name, value in self.labels.items())
        )

    def __str__(self) -> str:
        """`rule hot, symbol BTC`; `everything` if nothing is given."""
        named = {
            "rule": self.rules,
            "kind": self.kinds,
            "symbol": self.symbols,
            "venue": self.venues,
            "severity": tuple(severity.value for severity in self.severities),
            **{name: (value,) for name, value in self.labels.items()},
        }
        return ", ".join(f"{name} {' or '.join(values)}" for name, values in named.items() if values) or "everything"


def part(alert: Alert, name: str) -> str:
    """A part of what the alert is about: of its key, else of its latest event; empty if it has none."""
    value = alert.key.get(name)
    if value is None:
        value = alert.facts.get(name)  # type: ignore[assignment]  # checked below
    return value if isinstance(value, str) else ""


def thing(alert: Alert) -> str:
    """The instrument, coin or feed that an alert is about; empty for one about everything."""
    return next((found for name in PLACES if (found := part(alert, name))), "")


def _fold(text: str) -> str:
    return text.lower()
