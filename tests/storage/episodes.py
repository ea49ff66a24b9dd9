"""Alerts, their changes and their messages, as the storage tests need them."""

from rules.alerts import (
    Alert,
    AlertState,
    Change,
    Phase,
    Reason,
    Severity,
    Transition,
    episode_id,
    fingerprint,
    notice_key,
)
from rules.delivery import Letter
from rules.events import FundingRate, Liquidation
from storage.journal import Batch

NOW = 1_790_000_000_000
HOUR_MS = 3_600_000

REASONS = {
    Change.FIRED: Reason.FIRST,
    Change.ESCALATED: Reason.ESCALATED,
    Change.EASED: Reason.EASED,
    Change.CLEARED: Reason.CLEARED,
    Change.PENDING: Reason.FIRST,
    Change.LAPSED: Reason.LAPSED,
}


class Clock:
    """Milliseconds that move when a test says so."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Episode:
    """One stretch of firing, told step by step."""

    def __init__(self, symbol: str = "BTC-USDT-PERP", *, started_ms: int = NOW) -> None:
        self.key = {"venue": "binance", "symbol": symbol}
        self.mark = fingerprint("hot-funding", self.key)
        self.episode_id = episode_id(self.mark, started_ms)
        self.started_ms = started_ms
        self.sequence = -1
        self.alert: Alert | None = None

    def change(
        self,
        change: Change,
        *lanes: str,
        at_ms: int | None = None,
        severity: Severity = Severity.WARNING,
        value: float = 0.0008,
        muted: str | None = None,
        lasts_ms: int = HOUR_MS,
        facts: dict[str, object] | None = None,
    ) -> Batch:
        """The batch that decides this change and tells it to these lanes."""
        self.sequence += 1
        at = at_ms if at_ms is not None else self.started_ms + self.sequence * 1_000
        is_over = change in (Change.CLEARED, Change.LAPSED)
        self.alert = Alert(
            episode_id=self.episode_id,
            rule_id="hot-funding",
            kind="funding",
            key=self.key,
            severity=severity,
            is_firing=not is_over and change is not Change.PENDING,
            sequence=self.sequence,
            started_ms=self.started_ms,
            held_since_ms=self.started_ms,
            at_ms=at,
            ended_ms=at if is_over else None,
            value=value,
            threshold=0.0005,
            peak=max(value, self.alert.peak if self.alert else value),
            facts={"rate": value, "symbol": self.key["symbol"]} if facts is None else facts,
        )
        state = AlertState(
            fingerprint=self.mark,
            rule_id="hot-funding",
            spec_hash="spec",
            key=self.key,
            phase=Phase.INACTIVE if is_over else Phase.FIRING,
            alert=None if is_over else self.alert,
        )
        notices = [
            Letter(
                key=notice_key(self.episode_id, change, self.sequence, lane),
                sink=lane,
                episode_id=self.episode_id,
                change=change,
                severity=severity,
                sequence=self.sequence,
                created_ms=at,
                expires_ms=at + lasts_ms,
                muted=muted,
            )
            for lane in lanes
        ]
        transition = Transition(alert=self.alert, change=change, reason=REASONS[change], muted=muted)
        return Batch(transitions=[transition], states=[state], notices=notices)


def liquidation(at_ms: int = NOW, *, symbol: str = "BTC-USDT-PERP", quantity: float = 1.5) -> Liquidation:
    """A fact that is counted once."""
    return Liquidation(
        venue="bybit",
        symbol=symbol,
        side="long",
        quantity=quantity,
        price=60_000.0,
        price_kind="bankruptcy",
        notional_usd=quantity * 60_000.0,
        at_ms=at_ms,
        received_ms=at_ms + 5,
    )


def funding(at_ms: int = NOW, *, venue: str = "binance") -> FundingRate:
    """A prediction, harmless to repeat."""
    return FundingRate(
        venue=venue, symbol="ETH-USDT-PERP", rate=0.0001, interval_h=8.0, at_ms=at_ms, received_ms=at_ms + 5
    )
