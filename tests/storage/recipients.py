"""Who is told in the laws of delivery, and what they want; also after their file was changed."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rules.alerts import Severity
from rules.delivery import Inhibition, Matchers, Policy, Route, SinkPolicy
from rules.delivery.hours import Quiet
from rules.delivery.policy import Cap
from rules.kinds import KINDS

HOUR_MS = 3_600_000
BERLIN = "Europe/Berlin"
NIGHT = Quiet(starts=time(23), ends=time(7), zone=BERLIN)
SMALL_HOURS = Quiet(starts=time(22), ends=time(2, 30), zone=BERLIN, loudest=None)  # 02:30 is skipped, or comes twice
LANES = ("sleeper", "busy", "all", "hermit")
KEEP_QUIET = ("cascade", "storm")  # rules that keep others quiet while they fire

CASCADE, STORM = Matchers(rules=("cascade",)), Matchers(rules=("storm",))
INHIBITIONS = (
    Inhibition(when=CASCADE, mutes=Matchers(rules=("single",)), same=("symbol",)),
    Inhibition(when=STORM, mutes=Matchers(rules=("hot", "cascade"))),  # what keeps others quiet may be kept quiet
)
ROUTES = (
    Route(Matchers(severities=(Severity.CRITICAL,)), ("sleeper", "all", "hermit")),
    Route(Matchers(rules=("hot",)), ("busy", "all")),
    Route(Matchers(), ("sleeper", "busy")),
)


def policy(*, without: Collection[str] = (), is_routed: bool = False, is_swapped: bool = False) -> Policy:
    """One who sleeps, one who wants few messages and cannot be edited, one who takes all, one whom nothing wakes.

    `without` some of them; by routes, or all to all; `is_swapped`: with other wishes, and nothing inhibited.
    """
    night, cap = (None, Cap(3, 600_000)) if is_swapped else (NIGHT, None)
    sinks = [
        SinkPolicy(name="sleeper", can_edit=not is_swapped, quiet=night, min_severity=Severity.WARNING),
        SinkPolicy(name="busy", can_edit=False, cap=Cap(5, HOUR_MS), expire_ms=2 * HOUR_MS),
        SinkPolicy(name="all", can_edit=True, cap=cap, quiet=NIGHT if is_swapped else None),
        SinkPolicy(name="hermit", can_edit=False, quiet=SMALL_HOURS, cap=Cap(4, 600_000)),
    ]
    spec = KINDS["funding"].SPEC
    rules = {
        name: spec.model_validate(
            {"id": name, "type": "funding", "symbols": "*", "above": "0.05%", "repeat": repeat}
        ).compile()
        for name, repeat in (("hot", "1h"), ("single", "6h"), ("cascade", "off"), ("storm", "off"))
    }
    return Policy(
        sinks={sink.name: sink for sink in sinks if sink.name not in without},
        routes=ROUTES if is_routed else (),
        inhibitions=() if is_swapped else INHIBITIONS,
        rules=rules,
    )


def is_quiet(quiet: Quiet, now_ms: int) -> bool:
    """By a clock on the wall there, written down once more: of a time that it shows twice an end means the second."""
    wall = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(quiet.zone))
    if wall.time() >= quiet.starts or wall.time() < quiet.ends:
        return True
    again = wall.replace(fold=1)
    comes_again = wall.fold == 0 and again.utcoffset() != wall.utcoffset()
    return comes_again and quiet.ends < (wall.replace(minute=0, second=0) + timedelta(hours=1)).time()
