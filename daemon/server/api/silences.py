"""Silences: what is not told for a while, listed, begun and ended."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, field_validator

from daemon.server.api.naming import doubts_of
from daemon.server.api.resource import Asked, Limit, Request, Resource, Scope, Severities, Told, Trouble
from rules.alerts import Severity
from rules.delivery import Matchers, Silence
from rules.delivery.silences import SHORT, called
from rules.units import duration_ms
from storage.episodes import alert_of, alerts_of

if TYPE_CHECKING:
    from daemon.house import House

ACTIVE_MAX = 1_000
NAMES_MAX = 100
_LATEST_MS = 253_402_300_799_999  # the year 9999, beyond which calendars give up
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SilencesAsked(Asked):
    """Which silences."""

    all: bool = False
    """true: those that have ended, too"""
    limit: int = Limit


class SilenceAsked(Told):
    """What is not told, and until when. All that is given must match; of each list one is enough."""

    rule: list[Name] = Field(default=[], max_length=NAMES_MAX)
    """ids of rules"""
    kind: list[Name] = Field(default=[], max_length=NAMES_MAX)
    """kinds of rules: liquidation, funding, ..."""
    symbol: list[Name] = Field(default=[], max_length=NAMES_MAX)
    """coins or instruments: BTC, BTC-USDT-PERP"""
    venue: list[Name] = Field(default=[], max_length=NAMES_MAX)
    """binance, bybit, ..."""
    severity: list[Severities] = Field(default=[], max_length=3)
    """exactly these"""
    labels: dict[Name, Name] = Field(default={}, max_length=20)
    """labels of the rule: {"team": "desk"}"""
    alert: Name | None = None
    """the id of one alert, in place of all above; without an end until it clears"""
    everything: bool = False
    """true: all alerts, if nothing above is given"""
    duration: Name | None = None
    """how long from now: 30m, 4h, 2d"""
    until_ms: int | None = Field(default=None, ge=0, le=_LATEST_MS)
    """or until when, ms since 1970 UTC"""
    reason: str = Field(default="", max_length=500)
    """why, for whoever wonders"""

    @field_validator("duration")
    @classmethod
    def _long(cls, duration: str | None) -> str | None:
        if duration is not None and duration_ms(duration) <= 0:
            raise ValueError("a silence lasts longer than nothing; write 4h")
        return duration

    def matchers(self) -> Matchers:
        """Ready to be asked."""
        return Matchers(
            rules=tuple(self.rule),
            kinds=tuple(self.kind),
            symbols=tuple(self.symbol),
            venues=tuple(self.venue),
            severities=tuple(map(Severity, self.severity)),
            labels=self.labels,
        )


class SilenceAnswer(Told):
    """One silence."""

    id: str
    rule: list[str]
    kind: list[str]
    symbol: list[str]
    venue: list[str]
    severity: list[Severities]
    labels: dict[str, str]
    alert: str | None
    """of this one alert only"""
    about: str
    """all of that in words"""
    author: str
    reason: str
    created_at_ms: int
    until_ms: int | None
    """missing: until its alert clears"""
    ended_at_ms: int | None
    """when it was ended before its time"""
    ended_by: str
    is_active: bool


class SilencesAnswer(Told):
    """Silences, newest first."""

    silences: list[SilenceAnswer]


class OneSilenceAnswer(Told):
    """One silence as it is now."""

    silence: SilenceAnswer
    doubts: list[str] = Field(default=[])
    """what may be wrong with its names, in sentences: a coin that was not heard of lately"""


def _answer(silence: Silence, now_ms: int) -> SilenceAnswer:
    meant = silence.matchers
    return SilenceAnswer(
        id=silence.silence_id,
        rule=list(meant.rules),
        kind=list(meant.kinds),
        symbol=list(meant.symbols),
        venue=list(meant.venues),
        severity=[severity.value for severity in meant.severities],
        labels=dict(meant.labels),
        alert=silence.episode_id,
        about=f"alert {silence.episode_id}" if silence.episode_id is not None else str(meant),
        author=silence.author,
        reason=silence.reason,
        created_at_ms=silence.created_ms,
        until_ms=silence.until_ms,
        ended_at_ms=silence.ended_ms,
        ended_by=silence.ended_by,
        is_active=silence.is_active(now_ms),
    )


async def _public(house: "House", silences: list[Silence]) -> list[Silence]:
    """Without those about one trader's own alerts, whose ids, rules and symbols say too much."""
    about = {one.episode_id for one in silences if one.episode_id is not None}
    known = await alerts_of(house.database, about) if about else {}
    shown = [one for one in silences if not house.post.policy.is_private(one.matchers)]
    return [one for one in shown if one.episode_id is None or one.episode_id in known]


async def _list(house: "House", request: Request) -> SilencesAnswer:
    asked: SilencesAsked = request.query
    now_ms = house.clock()
    if asked.all:
        found = await house.silences.listing(limit=asked.limit)
    else:
        found = (await house.silences.active(now_ms))[::-1][: asked.limit]
    return SilencesAnswer(silences=[_answer(one, now_ms) for one in await _public(house, found)])


async def _add(house: "House", request: Request) -> OneSilenceAnswer:
    asked: SilenceAsked = request.body
    now_ms = house.clock()
    matchers, until_ms = asked.matchers(), _end(asked, now_ms)
    _check(asked, matchers, until_ms)
    doubtful = await doubts_of(house, matchers)
    if asked.alert is not None:
        alert = await alert_of(house.database, asked.alert)
        if alert is None:
            raise Trouble(404, "not_found", "there is no alert of this id; GET /api/alerts lists them", "alert")
        if not alert.is_firing:
            raise Trouble(409, "over", "this alert is over, there is nothing to silence", "alert")
    if len(await house.silences.active(now_ms)) >= ACTIVE_MAX:
        raise Trouble(409, "too_many", f"there are {ACTIVE_MAX} silences already; end some first")
    silence = await house.silences.add(
        author=request.who,
        matchers=matchers,
        episode_id=asked.alert,
        reason=asked.reason.strip(),
        until_ms=until_ms,
    )
    house.ear.bell.set()
    return OneSilenceAnswer(silence=_answer(silence, now_ms), doubts=doubtful)


def _end(asked: SilenceAsked, now_ms: int) -> int | None:
    if asked.duration is not None and asked.until_ms is not None:
        raise Trouble(400, "twice", "duration and until_ms both say when it ends; give one", "until_ms")
    if asked.until_ms is not None and asked.until_ms <= now_ms:
        raise Trouble(400, "out_of_range", f"until_ms has passed, it is {now_ms} now", "until_ms")
    return asked.until_ms if asked.duration is None else now_ms + duration_ms(asked.duration)


def _check(asked: SilenceAsked, matchers: Matchers, until_ms: int | None) -> None:
    """What is left out would silence everything: that does not happen by accident."""
    is_anything = matchers == Matchers()
    if asked.alert is not None and (not is_anything or asked.everything):
        raise Trouble(400, "invalid", "alert names one alert; leave the others out", "alert")
    if asked.alert is None and is_anything and not asked.everything:
        what = 'this would silence everything; name a rule or a symbol, or say "everything": true'
        raise Trouble(400, "missing", what, "everything")
    if asked.everything and not is_anything:
        raise Trouble(400, "invalid", "everything is everything; leave it out, or the others", "everything")
    if asked.alert is None and until_ms is None:
        raise Trouble(400, "missing", 'say how long: "duration": "4h"', "duration")


async def _stop(house: "House", request: Request) -> OneSilenceAnswer:
    silence = await _find(house, request.path["id"])
    is_ended = await house.silences.end(silence.silence_id, request.who)
    if not is_ended:
        raise Trouble(409, "over", "this silence has ended already", "id")
    house.ear.bell.set()
    return OneSilenceAnswer(silence=_answer(await _find(house, silence.silence_id), house.clock()))


async def _find(house: "House", silence_id: str) -> Silence:
    """By its id, or by as much of it as chats and the command line show."""
    begun = await house.silences.find(silence_id) if len(silence_id) >= SHORT else []
    found = called(await _public(house, begun), silence_id, house.clock())
    if len(found) == 1:
        return found[0]
    if found:
        raise Trouble(409, "ambiguous", "several ids begin so; write more of it", "id")
    raise Trouble(404, "not_found", "there is no silence of this id; GET /api/silences lists them", "id")


RESOURCES = (
    Resource(
        method="GET",
        path="/api/silences",
        summary="What is not told for a while",
        query=SilencesAsked,
        answer=SilencesAnswer,
        work=_list,
    ),
    Resource(
        method="POST",
        path="/api/silences",
        summary="Keep alerts quiet until a time",
        scope=Scope.ACT,
        body=SilenceAsked,
        answer=OneSilenceAnswer,
        work=_add,
    ),
    Resource(
        method="DELETE",
        path="/api/silences/{id}",
        summary="End a silence now",
        scope=Scope.ACT,
        answer=OneSilenceAnswer,
        work=_stop,
    ),
)
