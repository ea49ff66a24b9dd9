"""Rules on the past: what is counted is what an independent count finds, on real series too."""

import csv
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daemon.config.model import Config
from daemon.trial.backtest import Backtest, Report, replay
from daemon.trial.play import Spoken
from daemon.trial.records import Asked, Wrong, read
from rules.events import AnyEvent, FearGreed, FundingRate, Liquidation
from storage.database import Database
from storage.history import add_history
from storage.log import Span
from tests.daemon.trial.files import HOT, configured

RECORDINGS = Path(__file__).resolve().parents[3].parent / "shared" / "recordings" / "rest"
FUNDING_FILE = RECORDINGS / "bybit_v5_funding_history_BTCUSDT_2025-07_2026-07.csv"
SUPPLY_FILE = RECORDINGS / "defillama_stablecoincharts_all_peggedUSD_daily_2017-11-29_2026-08-21.csv"
T = 1_767_614_400_000
M, H, D = 60_000, 3_600_000, 86_400_000
NOW = {**HOT, "for": "0s"}

recorded = pytest.mark.skipif(not FUNDING_FILE.exists(), reason="the recordings are not on this machine")


def rate(value: float, at_ms: int, venue: str = "binance") -> FundingRate:
    return FundingRate(venue=venue, symbol="BTC-USDT-PERP", rate=value, interval_h=8.0, at_ms=at_ms, received_ms=at_ms)


def rates(*values: float, every_ms: int = M) -> list[AnyEvent]:
    return [rate(value, T + step * every_ms) for step, value in enumerate(values)]


def tried(config: Config, events: Sequence[AnyEvent], **more: Any) -> Report:
    trial = Backtest(config, **more)
    for event in events:
        trial.observe(event)
    first_ms, last_ms = events[0].received_ms, events[-1].received_ms
    return trial.report(Span(len(events), first_ms, last_ms), first_ms, last_ms)


def test_fires_minutes_and_messages_are_counted(tmp_path: Path) -> None:
    """Twice above for five minutes and for three, each told with its end."""
    config = configured(tmp_path, rules=[NOW])
    report = tried(config, rates(1e-4, *[6e-4] * 5, *[1e-4] * 60, *[6e-4] * 3, 1e-4))
    (rule,) = report.rules

    assert (2, 4, 8 * M, 0) == (rule.tally.fires, rule.tally.messages, rule.tally.firing_ms, rule.tally.flaps)
    assert {"console": 4} == report.messages


def test_what_still_fires_at_the_end_fired_until_then(tmp_path: Path) -> None:
    (rule,) = tried(configured(tmp_path, rules=[NOW]), rates(1e-4, *[6e-4] * 5)).rules

    assert 4 * M == rule.tally.firing_ms


def test_a_flap_is_a_fire_soon_after_a_clear(tmp_path: Path) -> None:
    trembling = rates(6e-4, 1e-4, 6e-4, 1e-4, 6e-4, 1e-4)
    config = configured(tmp_path, rules=[NOW])

    assert 2 == tried(config, trembling, flap_ms=M).rules[0].tally.flaps
    assert 0 == tried(config, trembling, flap_ms=M - 1).rules[0].tally.flaps


def test_escalations_and_cooldowns_are_counted(tmp_path: Path) -> None:
    levels = {"warning": "0.05%", "critical": "0.1%"}
    rule = {key: value for key, value in NOW.items() if key != "above"} | {"levels": levels, "cooldown": "1h"}
    report = tried(configured(tmp_path, rules=[rule]), rates(6e-4, 12e-4, 1e-4, 6e-4, 1e-4))

    assert (2, 1, 1) == (
        report.rules[0].tally.fires,
        report.rules[0].tally.escalations,
        report.rules[0].tally.unheard,
    )
    assert report.kept_back > 0


def test_the_worst_hour_is_the_one_with_most_messages(tmp_path: Path) -> None:
    quiet, loud = rates(6e-4, 1e-4), rates(*[6e-4, 1e-4] * 5)
    later = [rate(event.rate, event.at_ms + 5 * H) for event in loud if isinstance(event, FundingRate)]
    (rule,) = tried(configured(tmp_path, rules=[NOW]), [*quiet, *later]).rules

    assert (T + 5 * H, 10) == rule.tally.worst_hour


def test_neighbours_say_what_other_limits_would_have_cost(tmp_path: Path) -> None:
    """A day of peaks between 0.01% and 0.12%: each limit is crossed by those above it."""
    peaks = [step / 10_000 for step in range(1, 13)]
    events = rates(*[value for peak in peaks for value in (peak, 0.0)], every_ms=H)
    (rule,) = tried(configured(tmp_path, rules=[NOW]), events).rules

    assert [("0.025%", 10), ("0.04%", 8), ("0.05%", 7), ("0.0625%", 6), ("0.1%", 2)] == [
        (row.limits, row.tally.fires) for row in rule.neighbours
    ]
    assert rule.neighbours[2].tally.fires == rule.tally.fires


def test_what_one_has_written_is_tried_though_nothing_is_beyond_it(tmp_path: Path) -> None:
    """The index ends at 100: the row of the rule itself says that it never fires."""
    rule = {"id": "mood", "type": "fear_greed", "above": 100}
    greedy: list[AnyEvent] = [FearGreed(venue="alternative", index=90, mood="extreme greed", at_ms=T, received_ms=T)]
    (found,) = tried(configured(tmp_path, rules=[rule]), greedy).rules

    assert [(0.5, 1), (0.8, 1), (1.0, 0)] == [(row.factor, row.tally.fires) for row in found.neighbours]


def test_messages_are_counted_after_grouping(tmp_path: Path) -> None:
    """Four venues at once are four fires and one message; each rule's own limit sees the same."""
    events: list[AnyEvent] = [rate(6e-4, T, venue) for venue in ("binance", "bybit", "okx", "gate")]
    report = tried(configured(tmp_path, rules=[NOW]), events)

    assert (4, 1) == (report.rules[0].tally.fires, report.rules[0].tally.messages)
    assert {"console": 1} == report.messages


def test_an_event_rule_has_no_minutes(tmp_path: Path) -> None:
    config = configured(tmp_path, rules=[{"id": "whale", "type": "liquidation", "at_least": "$1m"}])
    orders: list[AnyEvent] = [
        Liquidation(
            venue="okx",
            symbol="BTC-USDT-PERP",
            side="long",
            quantity=1.0,
            price=size,
            price_kind="fill",
            notional_usd=size,
            at_ms=T + step * H,
            received_ms=T + step * H,
        )
        for step, size in enumerate((5e5, 1e6, 3e6))
    ]
    (rule,) = tried(config, orders).rules

    assert (2, 0, 0) == (rule.tally.fires, rule.tally.firing_ms, rule.tally.flaps)
    assert [3, 2, 2, 1, 1] == [row.tally.fires for row in rule.neighbours]


async def stored(folder: Path, events: Iterable[AnyEvent]) -> Database:
    database = await Database.open(str(folder / "past.db"))
    await add_history(database, list(events))
    return database


async def test_windows_are_warm_at_the_first_event(tmp_path: Path) -> None:
    """A change over an hour is known at once when the hour before is stored."""
    rule = {"id": "up", "type": "expression", "on": "funding_rate", "when": "change(rate, 1h) > 50%"}
    past = rates(*[1e-4] * 61, 2e-4)
    database = await stored(tmp_path, past)
    try:
        trial = Backtest(configured(tmp_path, rules=[rule]))
        report = await replay(database, trial, T + 61 * M, T + 62 * M)
    finally:
        await database.close()

    assert (1, 1) == (report.events, report.rules[0].tally.fires)


async def test_progress_is_told_and_only_what_rules_look_at_is_read(tmp_path: Path) -> None:
    database = await stored(tmp_path, rates(*[1e-4] * 10))
    heard: list[tuple[int, int]] = []
    try:
        trial = Backtest(configured(tmp_path, rules=[NOW]))
        await replay(database, trial, T, T + H, progress=lambda done, total: heard.append((done, total)))
        nothing = await replay(
            database,
            Backtest(
                configured(
                    tmp_path,
                    rules=[{"id": "d", "type": "depeg", "coins": "USDC", "depth": "1%", "levels": {"warning": 25}}],
                )
            ),
            T,
            T + H,
        )
    finally:
        await database.close()

    assert [(10, 10)] == heard
    assert 0 == nothing.events


# -- real series -----------------------------------------------------------------------------------------------------


async def imported(folder: Path, file: Path, asked: Asked) -> Database:
    events = [row for row in read(file, asked) if not isinstance(row, Wrong)]
    return await stored(folder, events)


def episodes(values: Sequence[float], limit: float, clear: float) -> tuple[int, list[int]]:
    """An independent count: how often it rises above, and at which steps it is firing after each."""
    fires, firing, is_firing = 0, [], False
    for step, value in enumerate(values):
        if not is_firing and abs(value) > limit:
            is_firing, fires = True, fires + 1
        elif is_firing and abs(value) <= clear:
            is_firing = False
        if is_firing:
            firing.append(step)
    return fires, firing


@recorded
@pytest.mark.parametrize("limit", [5e-5, 8e-5, 1e-4])
async def test_a_year_of_real_funding_fires_as_often_as_a_plain_loop_says(tmp_path: Path, limit: float) -> None:
    with FUNDING_FILE.open() as lines:
        series = [(int(row["fundingRateTimestamp_ms"]), float(row["fundingRate"])) for row in csv.DictReader(lines)]
    database = await imported(
        tmp_path,
        FUNDING_FILE,
        Asked(
            type="funding_rate",
            columns={"time": "fundingRateTimestamp_ms", "rate": "fundingRate"},
            same={"venue": "bybit", "symbol": "BTC-USDT-PERP", "interval_h": "8", "is_settled": "true"},
        ),
    )
    rule = {
        "id": "r",
        "type": "funding",
        "symbols": "BTC",
        "rate": "settled",
        "above": limit,
        "clear": limit / 2,
    }
    spoken: list[Spoken] = []
    try:
        trial = Backtest(configured(tmp_path, rules=[rule]), spoken=spoken.append)
        report = await replay(database, trial, series[0][0], series[-1][0])
    finally:
        await database.close()
    values = [value for _, value in series]
    fires, firing = episodes(values, limit, limit / 2)
    ends = [*[at_ms for at_ms, _ in series][1:], series[-1][0]]
    minutes = sum(ends[step] - series[step][0] for step in firing)
    tally = report.rules[0].tally

    assert 1_100 == report.events
    assert fires > 0
    assert (fires, minutes) == (tally.fires, tally.firing_ms)
    assert fires + sum(1 for now, then in pairwise([*firing, len(values)]) if then > now + 1) == len(spoken)
    for row in report.rules[0].neighbours:
        assert episodes(values, limit * row.factor, limit * row.factor / 2)[0] == row.tally.fires


@recorded
async def test_real_supply_of_stablecoins_falls_on_the_days_a_plain_loop_says(tmp_path: Path) -> None:
    """All dollar coins together: days on which more than 1 % of them went away."""
    with SUPPLY_FILE.open() as lines:
        supply = [float(row["value"]) for row in csv.DictReader(lines)]
    database = await imported(
        tmp_path,
        SUPPLY_FILE,
        Asked(
            type="stablecoin_quote",
            columns={"time": "as_of", "market_cap_usd": "value"},
            same={"venue": "defillama", "coin": "USD", "price": "1", "target": ""},
            ignored=frozenset({"status"}),
        ),
    )
    rule = {"id": "run", "type": "expression", "on": "stablecoin_quote", "when": "change(market_cap_usd, 1d) < -1%"}
    try:
        trial = Backtest(configured(tmp_path, rules=[rule]))
        report = await replay(database, trial, 0, 2_000_000_000_000)
    finally:
        await database.close()
    falls = [after / before - 1 < -0.01 for before, after in pairwise(supply)]
    days = sum(falls)
    fires = sum(1 for before, now in pairwise([False, *falls]) if now and not before)
    tally = report.rules[0].tally

    assert len(supply) == report.events
    assert fires > 10
    assert (fires, days * D) == (tally.fires, tally.firing_ms)
