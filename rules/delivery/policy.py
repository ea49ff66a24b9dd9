"""Who wants to be told what, and when: everything a file says about recipients, ready to be asked."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from rules.alerts import Alert, Severity
from rules.compiled import Rule
from rules.delivery.hours import Quiet
from rules.delivery.matchers import Matchers, part, thing

REPEAT_FIRST_MS, REPEAT_MAX_MS = 3_600_000, 8 * 3_600_000
FEED_HEALTH = "feed_health"


class Cap(msgspec.Struct, frozen=True):
    """`20 per hour`: what comes beyond it within one stretch is told together at the stretch's end."""

    count: int
    per_ms: int


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """How long a message waits for others like it, and from how many on they become one."""

    wait_ms: int = 2_000
    critical_ms: int = 0
    at_least: int = 4
    backlog_ms: int = 15_000  # when a chat is slower than that to take all that waits, it is told together; 0: never
    by: tuple[Literal["kind", "symbol", "venue", "rule", "severity"], ...] = ("kind", "symbol")

    def due_ms(self, severity: Severity, now_ms: int) -> int:
        """When a message that is decided now may leave."""
        return now_ms + (self.critical_ms if severity is Severity.CRITICAL else self.wait_ms)

    def key(self, alert: Alert) -> str:
        """The same for alerts that may become one message."""
        parts = {
            "kind": alert.kind,
            "symbol": "" if part(alert, "feed") else thing(alert),  # feeds that go down together are one piece of news
            "venue": part(alert, "venue"),
            "rule": alert.rule_id,
            "severity": alert.severity.value,
        }
        return " ".join(parts[name] or "-" for name in self.by)


class SinkPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How one recipient wants to be told."""

    name: str
    min_severity: Severity = Severity.INFO
    can_edit: bool = False
    expire_ms: int = 6 * 3_600_000
    quiet: Quiet | None = None
    cap: Cap | None = None
    silent: frozenset[Severity] = frozenset({Severity.INFO})  # these arrive without a sound, where the chat can
    group: Grouping = Grouping()


class Route(msgspec.Struct, frozen=True):
    """Alerts that match go to these sinks. The first route that matches decides."""

    when: Matchers
    to: tuple[str, ...]


class Inhibition(msgspec.Struct, frozen=True, kw_only=True):
    """While an alert that matches `when` is firing, those that match `mutes` and agree in `same` are not told."""

    when: Matchers
    mutes: Matchers
    same: tuple[str, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. A reload makes a new one."""

    sinks: Mapping[str, SinkPolicy] = {}
    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    rules: Mapping[str, Rule] = {}

    def labels(self, rule_id: str) -> Mapping[str, str]:
        """What a trader has written on a rule; of one that is gone, nothing."""
        rule = self.rules.get(rule_id)
        return {} if rule is None else rule.labels

    def recipients(self, alert: Alert, notify: tuple[str, ...] | None) -> list[str]:
        """Names of sinks: those that the rule names, else those of the first route that matches, else all."""
        if notify is None:
            labels = self.labels(alert.rule_id)
            notify = next((route.to for route in self.routes if route.when.matches(alert, labels)), None)
        return [name for name in (self.sinks if notify is None else notify) if name in self.sinks]

    def repeat_ms(self, alert: Alert, told: int) -> int | None:
        """How long after the `told`-th repeat the next one comes, or None: 1 h, 2 h, 4 h, 8 h, 8 h, ..."""
        rule = self.rules.get(alert.rule_id)
        first_ms = rule.repeat_ms if rule is not None else 0
        if first_ms is None:
            first_ms = REPEAT_FIRST_MS if alert.severity is Severity.CRITICAL else 0
        if not first_ms or alert.is_momentary:
            return None
        return min(first_ms << min(told, 16), max(first_ms, REPEAT_MAX_MS))

    def is_private(self, meant: Matchers) -> bool:
        """Whether this names a rule about somebody's own account."""
        return any(rule.on.IS_PRIVATE for name in meant.rules if (rule := self.rules.get(name)) is not None)

    def is_urgent(self, alert: Alert) -> bool:
        """Whether quiet hours do not count for it."""
        rule = self.rules.get(alert.rule_id)
        return rule is not None and rule.is_urgent

    def mutes(self, source: Alert, alert: Alert) -> bool:
        """Whether a firing alert keeps another one quiet. Two that would do so to each other both speak."""
        return self._says(source, alert) and not self._says(alert, source)

    def _says(self, source: Alert, alert: Alert) -> bool:
        """Whether an inhibition holds of these."""
        source_labels, labels = self.labels(source.rule_id), self.labels(alert.rule_id)
        return any(
            one.when.matches(source, source_labels)
            and one.mutes.matches(alert, labels)
            and all(_same(source, alert, name) for name in one.same)
            and (source.kind != FEED_HEALTH or self._is_fed_by(source, alert))
            for one in self.inhibitions
        )

    def _is_fed_by(self, feed: Alert, alert: Alert) -> bool:
        """Whether the alert lives on what this feed brings: its venue, and the kind of event."""
        venue, carries = part(feed, "venue"), feed.facts.get("carries")
        if alert.kind != FEED_HEALTH and venue and part(alert, "venue") not in ("", venue):
            return False
        rule = self.rules.get(alert.rule_id)
        if rule is None or not isinstance(carries, list | tuple) or not carries:
            return True
        return rule.on.__struct_config__.tag in carries


def _same(one: Alert, other: Alert, name: str) -> bool:
    """Whether two alerts agree in a part of what they are about; an alert without that part agrees with nobody."""
    if name == "symbol":
        return thing(one) != "" and thing(one) == thing(other)
    value = part(one, name)
    return value != "" and value == part(other, name)
