"""Several alerts in one message: a summary of those that came at once, or a digest of what was kept back."""

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from rules.alerts import Alert, Change
from rules.delivery.letters import Form, Member
from rules.delivery.matchers import part, thing
from rules.delivery.ranking import dollars, shown
from rules.sentences import Sentences
from rules.units import say_money
from sinks.base import Message, Notice
from sinks.fit import say_rest
from sinks.wording import Say, headed, say_date, say_peak, say_when, verdict

TOP = 3  # alerts that a summary names
LINES_MAX = 40  # alerts that a digest names; those beyond are counted
NAMES_MAX = 3
_PERPETUAL = "-USDT-PERP"  # said of no instrument where it could be said of each


def render_many(notice: Notice, now_ms: int, *, label: str | None = None, say: Say, late_after_ms: int) -> Message:
    """A summary, a digest, or our own words, as they read at `now_ms`."""
    listed = 0
    match notice.form:
        case Form.SUMMARY:
            words, lines, footer = _summary(notice, now_ms, say)
        case Form.DIGEST:
            words, lines, footer = _digest(notice, now_ms, say)
            listed = min(len(notice.members), LINES_MAX)
        case _:
            own = notice.words
            words = [own.headline] if own is not None else []
            lines, footer = (own.lines, own.footer) if own is not None else ((), "")
    return Message(
        headline=headed(
            _wanted(notice),
            words,
            now_ms,
            label,
            None if notice.form is Form.WORDS or notice.is_edit else late_after_ms,
        ),
        lines=lines,
        listed=listed,
        unlisted=len(notice.members) - listed if listed else 0,
        footer=f"{footer}{_end(notice, now_ms)}",
        severity=notice.severity,
        change=Change.CLEARED
        if notice.is_edit or (notice.form is Form.SUMMARY and _over(notice) == len(notice.members))
        else notice.change,
    )


def _wanted(notice: Notice) -> Notice:
    """With the times from which on it is late: a digest that gathers a backlog is as late as the oldest of it.

    One of quiet hours, or beyond a cap, is not late before the time for which it was meant.
    """
    if notice.form is not Form.DIGEST or notice.words is None or not notice.members:
        return notice
    return replace(notice, created_ms=min(member.at_ms for member in notice.members), due_ms=0)


def _over(notice: Notice) -> int:
    """How many of the alerts are over, though they are told as something else."""
    if notice.change is Change.CLEARED:
        return 0
    if notice.is_edit:
        return len(notice.members)
    return sum(one.alert.ended_ms is not None and not one.alert.is_momentary for one in notice.members)


def _end(notice: Notice, now_ms: int) -> str:
    """A message about several is changed once, when all are over: since when."""
    ends = [one.alert.ended_ms for one in notice.members if not one.alert.is_momentary]
    ended_ms = max((ms for ms in ends if ms is not None), default=None)
    return f" · all cleared by {say_when(ended_ms, now_ms)}" if notice.is_edit and ended_ms is not None else ""


def _summary(notice: Notice, now_ms: int, say: Say) -> tuple[list[str], tuple[str, ...], str]:
    """Count, what, how far, where; then the largest."""
    is_end = notice.change is Change.CLEARED
    now = [member.alert for member in notice.members]
    told = now if is_end else [shown(alert) for alert in now]
    sentences = [say(alert, now_ms) for alert in told]
    over = _over(notice)
    what = f"{len(told)} {_named([alert.kind for alert in told]).replace('_', ' ')} alerts"
    if 0 < over < len(told):
        what += f", {over} already over"
    total = 0.0 if is_end else _total(told)
    facts = (
        _named(_short([thing(alert) for alert in told])),
        f"{say_money(total)} in all" if total else "",
        _range(sentences),
        _named([_venue(alert) for alert in told]),
    )
    lines = [
        f"{words.headline}{say_peak(alert, words) if is_end else _fate(alert, words, now_ms)}"
        for alert, words in zip(now[:TOP], sentences, strict=False)
    ]
    if len(told) > TOP:
        lines.append(f"and {len(told) - TOP} more")
    rules = [alert.rule_id for alert in told]
    who = f"rule{'s' if len({*rules}) > 1 else ''} {_named(rules)}"
    footer = f"{who} · {say_date(notice.created_ms)} {say_when(notice.created_ms, notice.created_ms)}"
    said = ", ".join(fact for fact in facts if fact)
    head = verdict(notice.change, told[0], is_over=over == len(told))
    return [head, f"{what}: {said}" if said else what], tuple(lines), footer


def _range(sentences: Sequence[Sentences]) -> str:
    """How far, from the least to the most of those that read like the worst."""
    worst = sentences[0].reading
    return "" if worst is None else worst.among([one.reading for one in sentences])


def _total(alerts: list[Alert]) -> float:
    """In US dollars, no order twice: a sum over a window holds the single ones, so the rule that saw most tells it."""
    by_rule: dict[str, float] = {}
    for alert in alerts:
        by_rule[alert.rule_id] = by_rule.get(alert.rule_id, 0.0) + dollars(alert)
    return max(by_rule.values())


def _digest(notice: Notice, now_ms: int, say: Say) -> tuple[list[str], tuple[str, ...], str]:
    """What was kept back, the worst first, each with what has become of it."""
    count = sum(len(member.changes) for member in notice.members)
    firing = [member.alert.severity for member in notice.members if member.alert.is_firing]
    lines = [_line(member, now_ms, say) for member in notice.members[:LINES_MAX]]
    if len(notice.members) > LINES_MAX:
        lines.append(say_rest(len(notice.members) - LINES_MAX))
    alerts = f"{len(notice.members)} alert{'' if len(notice.members) == 1 else 's'}"
    now = f"{len(firing)} still firing" if firing else "none is firing now"
    why = "Kept back" if notice.words is None else notice.words.headline
    headline = f"{why}: {count} message{'' if count == 1 else 's'} about {alerts}, {now}{_about(notice, now_ms, say)}"
    loudness = [max(firing, key=lambda severity: severity.rank).upper()] if firing else []
    since_ms = min((member.at_ms for member in notice.members), default=notice.created_ms)
    return [*loudness, headline], tuple(lines), f"since {say_when(since_ms, now_ms)}"


def _about(notice: Notice, now_ms: int, say: Say) -> str:
    """What kinds of alerts these are, and of one kind how far they went; a single one is told in the next line."""
    told = [shown(member.alert) for member in notice.members]
    counts = Counter(alert.kind.replace("_", " ") for alert in told)
    if len(told) < 2:
        return ""
    if len(counts) > 1:
        return "; " + _named([f"{kind} ({count})" if count > 1 else kind for kind, count in counts.items()])
    far = _range([say(alert, now_ms) for alert in told])
    return f"; {next(iter(counts))}{f', {far}' if far else ''}"


def _line(member: Member, now_ms: int, say: Say) -> str:
    if _is_end(member):  # its beginning was told before
        sentences = say(member.alert, now_ms)
        since = f", fired {say_when(member.alert.started_ms, now_ms)}"
        return (
            f"CLEARED {say_when(member.at_ms, now_ms)}  {sentences.headline}{since}{say_peak(member.alert, sentences)}"
        )
    alert = shown(member.alert)
    sentences = say(alert, now_ms)
    fate = _fate(member.alert, sentences, now_ms) or ("" if alert.is_momentary else " (still firing)")
    return f"{alert.severity.upper()} {say_when(member.at_ms, now_ms)}  {sentences.headline}{fate}"


def _is_end(member: Member) -> bool:
    """Whether nothing but good news is told of it, and it is over."""
    return member.alert.ended_ms is not None and {*member.changes} == {Change.CLEARED}


def _fate(alert: Alert, sentences: Sentences, now_ms: int) -> str:
    """What has become of an alert that is told as it stood at its peak; empty for one that stands as it is told."""
    if alert.ended_ms is not None and not alert.is_momentary:
        # of an older program's only the end is known in words; how far it went stands beside
        peak = say_peak(alert, sentences) if alert.worst is None else ""
        return f" ({Change.CLEARED} {say_when(alert.ended_ms, now_ms)}{peak})"
    is_milder = shown(alert) is not alert
    return f" ({Change.EASED} to {alert.severity.upper()}, still firing)" if is_milder else ""


def _venue(alert: Alert) -> str:
    """Where it is; empty if the name of the thing says so: okx.public."""
    venue = part(alert, "venue")
    return "" if thing(alert).startswith(f"{venue}.") else venue


def _short(names: list[str]) -> list[str]:
    """ETH for ETH-USDT-PERP, if all are of that sort."""
    is_plain = all(name.endswith(_PERPETUAL) for name in names)
    return [name.removesuffix(_PERPETUAL) for name in names] if is_plain else names


def _named(names: list[str]) -> str:
    """Each once, the first few by name."""
    once = list(dict.fromkeys(name for name in names if name))
    more = f" and {len(once) - NAMES_MAX} more" if len(once) > NAMES_MAX else ""
    return ", ".join(once[:NAMES_MAX]) + more
