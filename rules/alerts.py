"""What a rule has to say: alerts, how they change, and why."""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b

import msgspec

ACCOUNT = "account"  # the part of a key that only rules about somebody's own account have


class Severity(StrEnum):
    """How loud. Ordered: info < warning < critical."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Phase(StrEnum):
    """Where one rule stands for one key."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Change(StrEnum):
    """What happened to an episode. FIRED and CLEARED alternate; ESCALATED and EASED come only between them."""

    PENDING = "pending"
    LAPSED = "lapsed"  # was pending, never fired
    FIRED = "fired"
    ESCALATED = "escalated"
    EASED = "eased"
    CLEARED = "cleared"
    STILL = "still"  # never a transition: told again because it still fires


class Reason(StrEnum):
    """Why it happened."""

    FIRST = "first"  # the condition began to hold, and held for as long as the rule asks
    ESCALATED = "escalated"  # the value climbed to a higher level
    EASED = "eased"  # the value fell to a lower level
    CLEARED = "cleared"  # the clear condition held for as long as the rule asks
    LAPSED = "lapsed"  # the condition ended before `for` had passed
    RULE_CHANGED = "rule_changed"  # a reload changed what the rule is tracked by
    RULE_REMOVED = "rule_removed"  # a reload took the rule away


class Peak(msgspec.Struct, frozen=True, gc=False):
    """How an episode stood at its peak, for whoever hears of it only when it is over."""

    severity: Severity
    value: float
    threshold: float | None
    facts: dict[str, object]


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One episode of one rule and key, as it stands after its latest change. A message is rendered from this alone."""

    episode_id: str
    rule_id: str
    kind: str  # funding, depeg, liquidation, ...: names the module that knows how to say it
    key: dict[str, str]  # identity only: venue, symbol, coin, side
    severity: Severity
    is_firing: bool
    is_momentary: bool = False  # an event rule: said once, never cleared
    sequence: int = 0  # number of the latest change inside the episode, from 0
    started_ms: int  # when it fired; while pending, when the condition began to hold
    held_since_ms: int  # when the condition began to hold
    at_ms: int  # when the latest change happened
    ended_ms: int | None = None
    value: float
    threshold: float | None = None
    peak: float  # the value farthest past the threshold so far
    facts: dict[str, object] = {}  # the latest event's fields, and what the kind adds
    template: str | None = None  # the trader's own words, if the rule has any
    worst: Peak | None = None  # None: it happened in one moment, or an older program wrote it

    def at_worst(self) -> "Alert":
        """The same as it stood at its peak, still firing; as it stands, if that was not kept."""
        if (worst := self.worst) is None:
            return self
        return msgspec.structs.replace(
            self,
            severity=worst.severity,
            value=worst.value,
            threshold=worst.threshold,
            facts=worst.facts,
            is_firing=True,
            ended_ms=None,
        )

    @property
    def is_private(self) -> bool:
        """Whether it is about somebody's own account: shown only where its rule sends it."""
        return is_private(self.key)


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change of one alert, with its reason."""

    alert: Alert
    change: Change
    reason: Reason
    notify: tuple[str, ...] | None = None  # names of sinks; None: all of them
    muted: str | None = None  # why nobody is told (`cooldown`, ...); None: they are
    muted_until_ms: int | None = None  # when that ends by itself


class Moment(msgspec.Struct, frozen=True, gc=False):
    """One line of an episode's history."""

    change: Change
    severity: Severity
    at_ms: int
    value: float


class AlertState(msgspec.Struct, kw_only=True, gc=False):
    """What the engine remembers of one rule and key between two events; survives a restart."""

    fingerprint: str
    rule_id: str
    spec_hash: str
    key: dict[str, str]
    phase: Phase = Phase.INACTIVE
    rung: int = 0  # level reached: 0 none, 1 the lowest
    since_ms: int = 0  # pending or recovering since; shifted by every stretch that had no data
    stale_ms: int | None = None  # data stopped being fresh then; None while fresh
    seen_ms: int = 0  # the latest event that had a value
    told_ms: int | None = None  # the latest change that was told, for the cooldown
    told_rung: int = 0
    alert: Alert | None = None  # the running episode


def is_private(key: Mapping[str, str]) -> bool:
    """Whether an alert of this key is about somebody's own account: the key of each such rule names it."""
    return ACCOUNT in key


def fingerprint(rule_id: str, key: dict[str, str]) -> str:
    """The name of one rule and key: 128 bits of what identifies it, never of values or texts."""
    canonical = msgspec.json.encode([rule_id, sorted(key.items())])
    return blake2b(canonical, digest_size=16).hexdigest()


def episode_id(mark: str, started_ms: int) -> str:
    """The name of one stretch of firing; sorts by time within a fingerprint."""
    return f"{mark}-{started_ms:013d}"


def notice_key(episode: str, change: Change, sequence: int, sink: str) -> str:
    """The name of one message to one sink; the outbox takes each only once."""
    canonical = msgspec.json.encode([episode, change, sequence, sink])
    return blake2b(canonical, digest_size=16).hexdigest()
