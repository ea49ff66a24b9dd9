"""Several alerts in one message: a summary of those that came at once, or a digest of what was kept back."""

from rules.alerts import Alert, Change
from rules.delivery.gather import size
from rules.delivery.letters import Form, Member
from rules.delivery.matchers import part, thing
from rules.units import say_money
from sinks.base import Message, Notice
from sinks.wording import Say, headed, say_date, say_when, verdict

TOP = 3  # alerts that a summary names
LINES_MAX = 40  # alerts that a digest names; those beyond are counted
NAMES_MAX = 5


def render_many(notice: Notice, now_ms: int, *, label: str | None = None, say: Say, late_after_ms: int) -> Message:
    """A summary, a digest, or our own words, as they read at `now_ms`."""
    match notice.form:
        case Form.SUMMARY:
            words, lines, footer = _summary(notice, now_ms, say)
        case Form.DIGEST:
            words, lines, footer = _digest(notice, now_ms, say)
        case _:
            own = notice.words
            words = [own.headline] if own is not None else []
            lines, footer = (own.lines, own.footer) if own is not None else ((), "")
    return Message(
        headline=headed(notice, words, now_ms, label, None if notice.form is Form.WORDS else late_after_ms),
        lines=lines,
        footer=footer,
        severity=notice.severity,
        change=notice.change,
    )


def _summary(notice: Notice, now_ms: int, say: Say) -> tuple[list[str], tuple[str, ...], str]:
    """Count, total, where; then the largest."""
    alerts = [member.alert for member in notice.members]
    loudest = alerts[0]
    total = sum(size(alert) for alert in alerts)
    places = [_named([thing(alert) for alert in alerts]), say_money(total) if total else ""]
    venues = _named([part(alert, "venue") for alert in alerts])
    what = f"{len(alerts)} {_named([alert.kind for alert in alerts]).replace('_', ' ')} alerts"
    facts = ", ".join(piece for piece in (*places, venues) if piece)
    lines = [say(alert, now_ms).headline for alert in alerts[:TOP]]
    if len(alerts) > TOP:
        lines.append(f"and {len(alerts) - TOP} more")
    rules = _named([alert.rule_id for alert in alerts])
    footer = f"rules {rules} · {say_date(notice.created_ms)} {say_when(notice.created_ms, notice.created_ms)}"
    return [verdict(notice.change, loudest), f"{what}: {facts}" if facts else what], tuple(lines), footer


def _digest(notice: Notice, now_ms: int, say: Say) -> tuple[list[str], tuple[str, ...], str]:
    """What was kept back, the worst first, each with what has become of it."""
    count = sum(len(member.changes) for member in notice.members)
    firing = sum(member.alert.is_firing for member in notice.members)
    lines = [_line(member, now_ms, say) for member in notice.members[:LINES_MAX]]
    if len(notice.members) > LINES_MAX:
        lines.append(f"and {len(notice.members) - LINES_MAX} more; all of them: tocsin outbox --all")
    alerts = f"{len(notice.members)} alert{'' if len(notice.members) == 1 else 's'}"
    now = f"{firing} still firing" if firing else "none is firing now"
    headline = f"Kept back: {count} message{'' if count == 1 else 's'} about {alerts}, {now}"
    return [headline], tuple(lines), f"since {say_when(notice.created_ms, now_ms)}"


def _line(member: Member, now_ms: int, say: Say) -> str:
    alert = member.alert
    return f"{alert.severity.upper()} {say_when(member.at_ms, now_ms)}  {say(alert, now_ms).headline}{_fate(alert, now_ms)}"


def _fate(alert: Alert, now_ms: int) -> str:
    if alert.is_momentary:
        return ""
    if alert.ended_ms is None:
        return " (still firing)"
    return f" ({Change.CLEARED} {say_when(alert.ended_ms, now_ms)})"


def _named(names: list[str]) -> str:
    """Each once, the first few by name."""
    once = list(dict.fromkeys(name for name in names if name))
    more = f" and {len(once) - NAMES_MAX} more" if len(once) > NAMES_MAX else ""
    return ", ".join(once[:NAMES_MAX]) + more
