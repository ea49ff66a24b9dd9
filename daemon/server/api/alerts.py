"""Alerts: episodes as they stand, one with its history, and the acknowledgement of one."""

from typing import TYPE_CHECKING

from pydantic import Field

from daemon.server.api.naming import refuse_unknown
from daemon.server.api.resource import Asked, Limit, Request, Resource, Scope, Severities, Told, Trouble
from rules.alerts import Alert, Severity
from rules.delivery import Acknowledgement
from rules.kinds import say
from storage.episodes import alert_of, query_alerts, query_changes
from storage.log import LoggedTransition

if TYPE_CHECKING:
    from daemon.house import House


class AcknowledgedAnswer(Told):
    """Who has seen an alert; it is not repeated, but what gets worse is still told."""

    who: str
    at_ms: int


class AlertAnswer(Told):
    """One episode of one rule and key."""

    id: str
    """names the episode; sorts by time within one rule and key"""
    rule: str
    kind: str
    key: dict[str, str]
    """what it is about: venue, symbol, ..."""
    severity: Severities
    is_firing: bool
    headline: str
    """what the chats were told, without its severity"""
    details: list[str]
    value: float | None
    """missing if it was no finite number"""
    threshold: float | None
    peak: float | None
    started_at_ms: int
    """ms since 1970 UTC, as all times here"""
    at_ms: int
    """of the latest change"""
    ended_at_ms: int | None
    sequence: int
    """how many changes it has had"""
    acknowledged: AcknowledgedAnswer | None
    """who has seen it, if anybody said so"""


class ChangeAnswer(Told):
    """One change of one alert."""

    id: int
    """grows; ask for what follows it"""
    alert: str
    """the episode's id"""
    rule: str
    kind: str
    key: dict[str, str]
    change: str
    """pending, fired, escalated, eased, recovering, cleared, ..."""
    reason: str
    severity: Severities
    value: float | None
    at_ms: int
    muted: str | None
    """why nobody was told; missing if they were"""


class AlertsAsked(Asked):
    """Which alerts."""

    rule: str | None = None
    """only of this rule"""
    kind: str | None = None
    """only of this kind of rule"""
    min_severity: Severities = "info"
    """only so loud or louder"""
    firing: bool | None = None
    """true: only those that fire now; false: only those that are over"""
    since_ms: int | None = Field(default=None, ge=0)
    """only those that fire, or have changed since then"""
    limit: int = Limit


class AlertsAnswer(Told):
    """The alerts that changed last, newest first."""

    alerts: list[AlertAnswer]


class OneAlertAnswer(Told):
    """One alert and all its changes, oldest first."""

    alert: AlertAnswer
    changes: list[ChangeAnswer]


class AcknowledgeAsked(Told):
    """Nothing is needed: who says it is known."""


class AcknowledgedAlertAnswer(Told):
    """The alert, and who has seen it first."""

    alert: AlertAnswer
    is_new: bool
    """false: it was acknowledged before, and stays as it was"""


def answer_of(alert: Alert, seen: Acknowledgement | None, now_ms: int) -> AlertAnswer:
    """The alert as it is told over HTTP."""
    sentences = say(alert, now_ms)
    return AlertAnswer(
        id=alert.episode_id,
        rule=alert.rule_id,
        kind=alert.kind,
        key=alert.key,
        severity=alert.severity.value,
        is_firing=alert.is_firing,
        headline=sentences.headline,
        details=list(sentences.details),
        value=_finite(alert.value),
        threshold=_finite(alert.threshold),
        peak=_finite(alert.peak),
        started_at_ms=alert.started_ms,
        at_ms=alert.at_ms,
        ended_at_ms=alert.ended_ms,
        sequence=alert.sequence,
        acknowledged=None if seen is None else AcknowledgedAnswer(who=seen.who, at_ms=seen.at_ms),
    )


def change_of(change: LoggedTransition) -> ChangeAnswer:
    """One change as it is told over HTTP and pushed on /ws/alerts."""
    return ChangeAnswer(
        id=change.id,
        alert=change.episode_id,
        rule=change.rule_id,
        kind=change.kind,
        key=change.key,
        change=change.change,
        reason=change.reason,
        severity=Severity(change.severity).value,
        value=_finite(change.value),
        at_ms=change.at_ms,
        muted=change.muted,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or value - value != 0.0 else value


async def _alerts(house: "House", request: Request) -> AlertsAnswer:
    asked: AlertsAsked = request.query
    least = Severity(asked.min_severity).rank
    found = await query_alerts(
        house.database,
        rule=asked.rule,
        kind=asked.kind,
        severities=[severity.value for severity in Severity if severity.rank >= least],
        is_firing=asked.firing,
        since_ms=asked.since_ms,
        limit=asked.limit,
    )
    if not found:  # is there nothing, or nothing of that name?
        await refuse_unknown(house, rule=asked.rule, kind=asked.kind)
    seen = await house.silences.acknowledgements([alert.episode_id for alert in found])
    now_ms = house.clock()
    return AlertsAnswer(alerts=[answer_of(alert, seen.get(alert.episode_id), now_ms) for alert in found])


async def _one(house: "House", request: Request) -> OneAlertAnswer:
    alert = await _found(house, request)
    seen = await house.silences.acknowledgement(alert.episode_id)
    changes = await query_changes(house.database, episode_id=alert.episode_id)
    answer = answer_of(alert, seen, house.clock())
    return OneAlertAnswer(alert=answer, changes=[change_of(change) for change in changes])


async def _acknowledge(house: "House", request: Request) -> AcknowledgedAlertAnswer:
    """The first to say so is remembered, until it gets worse: then it can be seen anew."""
    alert = await _found(house, request)
    seen, is_new = await house.silences.acknowledgement(alert.episode_id), False
    if alert.is_firing:
        seen, is_new = await house.chats.acknowledge(alert.episode_id, request.who)
    elif seen is None:
        raise Trouble(409, "over", "this alert is over, there is nothing to acknowledge", "id")
    return AcknowledgedAlertAnswer(alert=answer_of(alert, seen, house.clock()), is_new=is_new)


async def _found(house: "House", request: Request) -> Alert:
    alert = await alert_of(house.database, request.path["id"])
    if alert is None:
        raise Trouble(404, "not_found", "there is no alert of this id; GET /api/alerts lists them", "id")
    return alert


RESOURCES = (
    Resource(
        method="GET",
        path="/api/alerts",
        summary="The alerts that changed last, newest first",
        query=AlertsAsked,
        answer=AlertsAnswer,
        work=_alerts,
    ),
    Resource(
        method="GET",
        path="/api/alerts/{id}",
        summary="One alert with its history",
        answer=OneAlertAnswer,
        work=_one,
    ),
    Resource(
        method="POST",
        path="/api/alerts/{id}/ack",
        summary="Say that you have seen an alert",
        scope=Scope.ACT,
        body=AcknowledgeAsked,
        answer=AcknowledgedAlertAnswer,
        work=_acknowledge,
    ),
)
