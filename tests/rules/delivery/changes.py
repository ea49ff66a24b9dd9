"""Alerts and their changes without an engine: told step by step, by whoever tests what is told of them."""

from rules.alerts import Alert, Change, Reason, Severity, Transition, episode_id, fingerprint

REASONS = {
    Change.FIRED: Reason.FIRST,
    Change.ESCALATED: Reason.ESCALATED,
    Change.EASED: Reason.EASED,
    Change.CLEARED: Reason.CLEARED,
}


class Story:
    """One episode of one rule and key."""

    def __init__(
        self,
        symbol: str = "BTC-USDT-PERP",
        *,
        venue: str = "binance",
        rule: str = "hot",
        kind: str = "funding",
        notify: tuple[str, ...] | None = None,
        is_momentary: bool = False,
        number: int = 0,
    ) -> None:
        self.key = {"venue": venue, "symbol": symbol, "number": str(number)}
        self.rule, self.kind, self.notify, self.is_momentary = rule, kind, notify, is_momentary
        self.alert: Alert | None = None
        self.severity = Severity.WARNING

    @property
    def is_firing(self) -> bool:
        return self.alert is not None and self.alert.is_firing

    def tell(
        self,
        change: Change,
        at_ms: int,
        severity: Severity | None = None,
        *,
        muted: str | None = None,
        muted_until_ms: int | None = None,
        value: float = 1.0,
        facts: dict[str, object] | None = None,
    ) -> Transition:
        """The next change of it."""
        before = self.alert
        self.severity = severity or self.severity
        is_new = change is Change.FIRED or before is None
        is_over = change is Change.CLEARED
        started_ms = at_ms if before is None or is_new else before.started_ms
        mark = fingerprint(self.rule, self.key)
        self.alert = Alert(
            episode_id=episode_id(mark, started_ms) if before is None or is_new else before.episode_id,
            rule_id=self.rule,
            kind=self.kind,
            key=self.key,
            severity=self.severity,
            is_firing=not is_over and not self.is_momentary,
            is_momentary=self.is_momentary,
            sequence=0 if before is None or is_new else before.sequence + 1,
            started_ms=started_ms,
            held_since_ms=started_ms,
            at_ms=at_ms,
            ended_ms=at_ms if is_over else None,
            value=value,
            threshold=0.5,
            peak=value,
            facts=facts or {},
        )
        return Transition(
            alert=self.alert,
            change=change,
            reason=REASONS[change],
            notify=self.notify,
            muted=muted,
            muted_until_ms=muted_until_ms,
        )
