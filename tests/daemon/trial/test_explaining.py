"""One rule as it stands: how near each instrument is, and what became of what it said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from daemon.trial.explaining import explain, outcome, said_key
from rules.alerts import Change, Phase, Severity
from rules.delivery import Cap, Policy, Post, SinkPolicy
from rules.engine import Engine
from rules.events import AnyEvent, FundingRate, MarkPrice, OpenInterest
from rules.spec import RuleSpec, parse
from storage.database import Database
from storage.journal import Batch, Journal
from storage.outbox import Outbox

T = 1_767_614_400_000
M = 60_000
H = 60 * M


def hot(**more: Any) -> RuleSpec:
    return parse({"id": "hot", "type": "funding", "symbols": ["BTC", "ETH"], "above": "0.05%", **more})


def rate(value: float, at_ms: int, coin: str = "BTC", venue: str = "binance") -> FundingRate:
    return FundingRate(
        venue=venue, symbol=f"{coin}-USDT-PERP", rate=value, interval_h=8.0, at_ms=at_ms, received_ms=at_ms
    )


async def lived(folder: Path, spec: RuleSpec, events: Sequence[AnyEvent], **sink: Any) -> Database:
    """A database as the recorder leaves it."""
    database = await Database.open(str(folder / "tocsin.db"))
    rule = spec.compile()
    engine, journal = Engine([rule]), Journal(database)
    post = Post(Policy(sinks={"desk": SinkPolicy(name="desk", **sink)}, rules={rule.rule_id: rule}))
    for event in events:
        transitions = engine.observe(event, event.received_ms)
        letters = post.take(transitions, event.received_ms)
        states, forgotten = engine.take_changed()
        batch = Batch(
            events=[event],
            transitions=transitions,
            states=states,
            forgotten=forgotten,
            notices=letters,
            told=post.take_changed(),
        )
        await journal.commit(batch, event.received_ms)
    return database


async def test_the_nearest_to_firing_comes_first_and_what_fires_before_it(tmp_path: Path) -> None:
    events = [
        rate(1e-4, T, "BTC"),
        rate(4e-4, T, "ETH"),
        rate(2e-4, T, "BTC", "okx"),
        rate(6e-4, T, "ETH", "okx"),
        rate(9e-4, T, "SOL"),
    ]
    database = await lived(tmp_path, hot(), events)
    try:
        found = await explain(database, hot(), T + M)
    finally:
        await database.close()

    assert [
        ("okx ETH-USDT-PERP", Phase.FIRING, "warning", -0.2),
        ("binance ETH-USDT-PERP", Phase.INACTIVE, None, 0.2),
        ("okx BTC-USDT-PERP", Phase.INACTIVE, None, 0.6),
        ("binance BTC-USDT-PERP", Phase.INACTIVE, None, 0.8),
    ] == [(one.key, one.phase, one.severity, round(one.far or 0.0, 9)) for one in found.standings]
    assert [6e-4, 4e-4, 2e-4, 1e-4] == [one.value for one in found.standings]
    assert {0.0005} == {one.limit for one in found.standings}
    assert {T} == {one.heard_ms for one in found.standings}


async def test_what_shorts_pay_stands_below_zero(tmp_path: Path) -> None:
    """As messages and pictures have it, though the rule counts how far below."""
    spec = hot(direction="shorts_pay")
    database = await lived(tmp_path, spec, [rate(-4e-4, T, "BTC"), rate(1e-4, T, "ETH")])
    try:
        found = await explain(database, spec, T + M)
    finally:
        await database.close()

    assert [(-4e-4, -5e-4), (1e-4, -5e-4)] == [(one.value, one.limit) for one in found.standings]
    assert [0.2, 1.2] == [round(one.far or 0.0, 9) for one in found.standings]


async def test_what_happened_last_and_the_message_about_it(tmp_path: Path) -> None:
    database = await lived(tmp_path, hot(), [rate(6e-4, T), rate(1e-4, T + M)])
    try:
        found = await explain(database, hot(), T + 2 * M)
    finally:
        await database.close()

    assert [(Change.CLEARED, "cleared"), (Change.FIRED, "first")] == [
        (one.change, one.reason) for one in found.transitions
    ]
    assert [("cleared", "waiting"), ("fired", "waiting")] == [(one.change, one.status) for one in found.messages]


async def test_a_message_that_was_not_sent_says_why(tmp_path: Path) -> None:
    database = await lived(tmp_path, hot(), [rate(6e-4, T)], min_severity=Severity.CRITICAL)
    try:
        (message,) = (await explain(database, hot(), T + M)).messages
    finally:
        await database.close()

    assert ("suppressed", "muted: below critical") == (message.status, message.reason)


async def test_a_message_that_was_sent_says_when(tmp_path: Path) -> None:
    database = await lived(tmp_path, hot(), [rate(6e-4, T)])
    try:
        delivery = await Outbox(database).claim("desk", T + M)
        assert delivery is not None
        await Outbox(database).sent(delivery.key, "42", T + M)
        (message,) = (await explain(database, hot(), T + M)).messages
    finally:
        await database.close()

    assert ("sent", T + M) == (message.status, message.finished_ms)


async def test_a_daemon_that_stopped_is_explained_as_of_then(tmp_path: Path) -> None:
    """A window would be empty by now, and the rule would look calm."""
    spec = parse({"id": "up", "type": "expression", "on": "mark_price", "value": "change(price, 5m)", "above": "2%"})
    prices = [
        MarkPrice(venue="okx", symbol="BTC-USDT-PERP", price=price, at_ms=T + step * M, received_ms=T + step * M)
        for step, price in enumerate((100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 101.0))
    ]
    database = await lived(tmp_path, spec, prices)
    try:
        found = await explain(database, spec, T + 90 * H)
    finally:
        await database.close()

    assert T + 6 * M == found.at_ms
    assert [0.01] == [round(one.value or 0.0, 9) for one in found.standings]


async def test_nothing_stored_is_nothing_to_show(tmp_path: Path) -> None:
    database = await lived(tmp_path, hot(), [])
    try:
        found = await explain(database, hot(), T)
    finally:
        await database.close()

    assert ([], [], []) == (list(found.standings), list(found.transitions), list(found.messages))


async def test_what_a_digest_has_told_was_told(tmp_path: Path) -> None:
    """Beyond the cap it is kept back; once the digest has left, that is what became of it."""
    policy = SinkPolicy(name="desk", cap=Cap(0, H))
    database = await lived(tmp_path, hot(), [rate(1e-4, T), rate(6e-4, T + M)], cap=Cap(0, H))
    outbox = Outbox(database)
    notice = await outbox.claim("desk", T + 2 * M, sink=policy)
    assert notice is not None
    await outbox.sent(notice.key, None, T + 2 * M)
    before = await explain(database, hot(), T + 2 * M)
    digest = await outbox.claim("desk", T + 2 * M + H, sink=policy)
    assert digest is not None
    await outbox.sent(digest.key, None, T + 2 * M + H)
    after = await explain(database, hot(), T + 2 * M + H)
    await database.close()

    (message,) = after.messages
    assert ({}, {digest.key: T + 2 * M + H}) == (before.together, after.together)
    assert (digest.key, "suppressed") == (message.merged_into, message.status)


async def test_a_condition_shows_what_it_compares_and_the_farthest_part_says_how_far(tmp_path: Path) -> None:
    """A condition is true or false, which says nothing of how near it is."""
    spec = parse(
        {
            "id": "flush",
            "type": "expression",
            "on": "open_interest",
            "by": "symbol",
            "when": "change(oi_usd, 15m) <= -5% and oi_usd >= $100m",
        }
    )

    def held(usd: float, minute: int, coin: str) -> OpenInterest:
        at_ms = T + minute * M
        return OpenInterest(
            venue="okx", symbol=f"{coin}-USDT-PERP", oi_base=1.0, oi_usd=usd, at_ms=at_ms, received_ms=at_ms
        )

    events = [held(usd, minute, coin) for minute in (0, 15) for coin, usd in (("BTC", 3e8), ("ETH", 2e8))]
    events += [held(2.88e8, 16, "BTC"), held(1.94e8, 16, "ETH")]
    database = await lived(tmp_path, spec, events)

    found = await explain(database, spec, T + 17 * M)
    await database.close()

    assert ["BTC-USDT-PERP", "ETH-USDT-PERP"] == [one.key for one in found.standings]
    assert [
        [("change(oi_usd, 15m)", "-4%", "-5%"), ("oi_usd", "$288m", "$100m")],
        [("change(oi_usd, 15m)", "-3%", "-5%"), ("oi_usd", "$194m", "$100m")],
    ] == [[(part.formula, part.value, part.limit) for part in one.parts] for one in found.standings]


def test_a_feed_is_named_without_its_venue() -> None:
    """Its own name begins with that."""
    assert "okx.market" == said_key({"venue": "okx", "feed": "okx.market"})
    assert "okx BTC-USDT-PERP" == said_key({"venue": "okx", "symbol": "BTC-USDT-PERP"})
    assert "all" == said_key({})


async def test_what_became_of_a_message_is_a_sentence(tmp_path: Path) -> None:
    """Who was told what, and when; or why not."""
    events = [rate(0.0006, T), rate(0.0001, T + M), rate(0.0006, T + 2 * M)]
    database = await lived(tmp_path, hot(), events, cap=Cap(1, H))
    newest, *_ = (await explain(database, hot(), T + 3 * M)).messages
    await database.close()

    said = [
        outcome(msgspec.structs.replace(newest, status=status, reason=reason, merged_into=into), {"d": T}, str)
        for status, reason, into in (
            ("sent", None, None),
            ("waiting", None, None),
            ("sending", None, None),
            ("suppressed", "muted: more than 2 within 1m", None),
            ("suppressed", "muted: more than 2 within 1m", "d"),
            ("expired", None, None),
        )
    ]
    assert [
        f"desk was told that it fired at {newest.finished_ms or newest.created_ms}",
        "desk will be told that it fired",
        "desk is being told that it fired",
        "desk was not told that it fired: more than 2 within 1m",
        f"desk was told that it fired together with others at {T} (more than 2 within 1m)",
        "desk was not told that it fired: expired",
    ] == said
