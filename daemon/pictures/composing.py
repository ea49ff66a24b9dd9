"""From an alert and what was measured to what is to be seen, and to a sentence for whoever cannot see it."""

from collections.abc import Sequence
from math import inf, nextafter

from daemon.pictures.chart import Chart, Limit, Mark, needs_seconds, say_moment
from daemon.pictures.layout import gaps
from daemon.pictures.looks import is_part
from daemon.pictures.scale import clock, date
from daemon.pictures.series import Series
from rules import formula, units
from rules.alerts import Alert, Change, Severity
from rules.compiled import Rule
from rules.formula import Say, SayBeside
from rules.kinds.words import number

_SAID: dict[str, Say] = {  # kind -> how its values are written
    "funding": units.say_rate,
    "funding_spread": units.say_rate,
    "basis": units.say_share,
    "depeg": units.say_share,
    "price_change": units.say_share,
    "open_interest_change": units.say_share,
    "insurance_fund_change": units.say_share,
    "liquidation": units.say_money,
}
_BESIDE: dict[Say, SayBeside] = {one: one for one in (units.say_rate, units.say_share, units.say_money)}
_CALLED = {
    "funding": "funding per 8 h",
    "funding_spread": "funding spread per 8 h",
    "basis": "basis",
    "depeg": "distance from the peg",
    "price_change": "price move",
    "open_interest_change": "open interest move",
    "insurance_fund_change": "insurance fund move",
    "liquidation": "liquidations",
    "long_short_ratio": "long/short ratio",
    "fear_greed": "fear and greed index",
}
_ESCALATIONS_MAX = 3
_DIGITS_OF_LIMITS, _DIGITS_OF_VALUES = 4, 3
_MINUTE_MS = 60_000


def compose(rule: Rule, alert: Alert, series: Series, label: str | None) -> Chart:
    """The chart of this alert; `rule` is the look of the series."""
    has_fired = alert.is_firing or alert.is_momentary or alert.ended_ms is not None
    return Chart(
        title=what(rule, alert),
        place=" ".join(alert.key.values()),
        points=series.points,
        begins_ms=series.begins_ms,
        ends_ms=series.ends_ms,
        say=said(rule),
        say_value=said_value(rule),
        limits=limits_of(rule),
        mirrored=mirrored_of(rule),
        is_falling=rule.ladder.sign < 0,
        is_stems=series.is_stems,
        outages=series.outages if series.is_stems else (),
        fired_ms=alert.started_ms if has_fired else None,
        cleared_ms=alert.ended_ms,
        severity=alert.severity if alert.ended_ms is None else _loudest(alert, series),
        marks=_marks(alert, series) if has_fired else (),
        label=label,
    )


def sentence(rule: Rule, alert: Alert, chart: Chart) -> str:
    """`funding per 8 h of BTC-USDT-PERP on binance, 06:00 to 12:01 UTC: 0.012% to 0.061%, now 0.061%, limit 0.05%`."""
    values = [value for _, value in chart.points if value is not None]
    low, high = chart.say_value(min(values)), chart.say_value(max(values))
    spread = [low if low == high else f"{low} to {high}"]
    if not chart.is_stems:
        spread.append(f"last {chart.say_value(values[-1])}")
    limits = [chart.say(limit.value) for limit in chart.limits if limit.severity is not None]
    *milder, worst = limits
    spread.append(f"limits {', '.join(milder)} and {worst}" if milder else f"limit {worst}")
    spread += _unknown(chart)
    of = number(rule.facts, "of") if is_part(rule) else None
    others = f"; one of {of:.0f} numbers that its condition compares" if of is not None and of > 1 else ""
    return f"{what(rule, alert)}{_place(alert)}, {_when(chart)}: {', '.join(spread)}{others}"


def what(rule: Rule, alert: Alert) -> str:
    """What the numbers are: `price move in 5m`."""
    window_ms = number(rule.facts, "window_ms")
    if rule.kind == "depeg" and rule.facts.get("by_severity"):
        return "depeg severity of 100"
    called = _CALLED.get(rule.kind) or str(rule.facts.get("when") or rule.rule_id)
    return called if window_ms is None else f"{called} in {units.say_setting(int(window_ms))}"


def said(rule: Rule) -> Say:
    """How a limit of this rule, or a round number, is written."""
    if rule.kind == "depeg" and rule.facts.get("by_severity"):
        return _say_score
    say = _unit(rule)
    if say in _BESIDE:
        return units.say_amount if say is units.say_money else units.say_percent
    if say is units.say_price:
        return _say_price
    return _cut_to(_DIGITS_OF_LIMITS, say)


def said_value(rule: Rule) -> Say:
    """How a measured number of this rule is written: as messages do, and of bare numbers three digits that count."""
    if rule.kind == "depeg" and rule.facts.get("by_severity"):
        return _say_score
    say = _unit(rule)
    if (beside := _BESIDE.get(say)) is not None:
        limits = [limit for limit in rule.ladder.shown if limit is not None]
        return lambda value: beside(value, min(limits, key=lambda limit: abs(limit - value), default=None))
    return said(rule) if say is not units.say_number else _cut_to(_DIGITS_OF_VALUES, say)


def _unit(rule: Rule) -> Say:
    if rule.kind == "expression":
        return formula.said(str(rule.facts.get("when", "")), rule.on)
    return _SAID.get(rule.kind, units.say_number)


def _cut_to(digits: int, say: Say) -> Say:
    return lambda value: say(value if abs(value) >= 1_000 else float(f"{value:.{digits}g}"))


def _say_price(value: float) -> str:
    return units.say_price(value).removesuffix(".00")


def limits_of(rule: Rule) -> tuple[Limit, ...]:
    """The levels as the trader wrote them, and where the mildest is left if that is elsewhere."""
    ladder = rule.ladder
    found = [
        Limit(shown, severity)
        for shown, severity in zip(ladder.shown, ladder.severities, strict=True)
        if shown is not None
    ]
    enter, leave = ladder.enters[0], ladder.exits[0]
    if not rule.is_momentary and abs(enter - leave) > 1e-9 * max(abs(enter), abs(leave)):
        found.append(Limit(float(f"{nextafter(leave, -inf) * ladder.sign:.12g}"), None))  # as it was written
    return tuple(found)


def mirrored_of(rule: Rule) -> tuple[Limit, ...]:
    """Of a rule that looks both ways, the levels on the other side of zero."""
    limits = () if rule.signed is None else limits_of(rule)
    return tuple(Limit(-limit.value, limit.severity) for limit in limits if limit.severity is not None)


def _marks(alert: Alert, series: Series) -> tuple[Mark, ...]:
    """The most important first: when it fired, when it was over, when it got worse."""
    first = next((one.severity for one in series.moments if one.change is Change.FIRED), alert.severity)
    found: list[tuple[str, int, Severity | None]] = [("fired", alert.started_ms, first)]
    if alert.ended_ms is not None:
        found.append(("cleared", alert.ended_ms, None))
    worse = [one for one in series.moments if one.change is Change.ESCALATED and one.at_ms >= alert.started_ms]
    loudest = sorted(worse, key=lambda one: (one.severity.rank, one.at_ms), reverse=True)[:_ESCALATIONS_MAX]
    found += [(one.severity.value, one.at_ms, one.severity) for one in loudest]
    fine = needs_seconds(series.begins_ms, series.ends_ms) or _share_a_minute([at_ms for _, at_ms, _ in found])
    return tuple(
        Mark(at_ms, say_moment(word, at_ms, series.ends_ms, seconds=fine), severity) for word, at_ms, severity in found
    )


def _share_a_minute(moments: Sequence[int]) -> bool:
    return len({at_ms // _MINUTE_MS for at_ms in moments}) < len(moments)


def _loudest(alert: Alert, series: Series) -> Severity:
    return max((alert.severity, *(one.severity for one in series.moments)), key=lambda severity: severity.rank)


def _say_score(value: float) -> str:
    return f"{value:.0f}"


def _place(alert: Alert) -> str:
    key = dict(alert.key)
    name, venue = key.pop("symbol", None) or key.pop("coin", None), key.pop("venue", None)
    words = " ".join(part for part in (name, *key.values()) if part)
    return (f" of {words}" if words else "") + (f" on {venue}" if venue else "")


def _unknown(chart: Chart) -> list[str]:
    """`no data 11:17 to 11:33`."""
    found = list(chart.outages) if chart.is_stems else list(gaps(chart.points, chart.ends_ms))
    if len(found) > 1:
        return [f"no data {len(found)} times"]
    fine = needs_seconds(chart.begins_ms, chart.ends_ms)
    return [f"no data {clock(one, seconds=fine)} to {clock(two, seconds=fine)}" for one, two in found]


def _when(chart: Chart) -> str:
    ends = (chart.begins_ms, chart.ends_ms)
    is_one_day, fine = date(ends[0]) == date(ends[1]), needs_seconds(*ends)
    said = [clock(at_ms, seconds=fine) for at_ms in ends]
    return (
        " to ".join(said if is_one_day else [f"{date(at)} {words}" for at, words in zip(ends, said, strict=True)])
        + " UTC"
    )
