"""What one line on a lock screen says of many alerts, and what stands below it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from rules.alerts import Alert, Change, Severity
from rules.delivery.letters import Form, Member, Words
from rules.delivery.ranking import loudest_first
from rules.engine import Engine
from rules.events import Event
from rules.sentences import Sentences
from sinks import address
from sinks.base import Message, Notice
from sinks.fit import say_rest
from sinks.render import render
from sinks.slack import SlackBotSink
from sinks.telegram import TelegramSink
from tests.chats import Slack, Telegram
from tests.patience import UNHURRIED
from tests.rules.market import NOON as START
from tests.rules.market import H, M, S, feed, funding, hot, mark, order, quote, rule
from tests.sinks.test_render import ALERT, CALM, NOON

VENUES = ("binance", "bybit", "okx", "hyperliquid", "gate", "bitget", "htx")
ETH = "ETH-USDT-PERP"
LEVELS = {"levels": {"warning": "0.05%", "critical": "0.1%"}}


def many(form: Form, *alerts: Alert, change: Change | None = Change.FIRED, now_ms: int = NOON + 60_000) -> Message:
    members = tuple(Member(alert, (Change.FIRED,), alert.started_ms) for alert in alerts)
    notice = Notice(key="ab12cd34", form=form, change=change, members=members, created_ms=NOON + 60_000, due_ms=now_ms)
    return render(
        notice, now_ms, say=lambda alert, _: Sentences(f"{alert.key['venue']} {alert.value:g}", peak=f"{alert.peak:g}")
    )


def told(*alerts: Alert, change: Change | None = Change.FIRED, now_ms: int = START + M, **more: Any) -> Message:
    """In the words of their kinds, in the order in which a delivery has them."""
    members = loudest_first([Member(one, (Change.FIRED,), one.started_ms) for one in alerts])
    notice = Notice(key="k", form=Form.SUMMARY, change=change, members=members, created_ms=START, due_ms=now_ms)
    return render(replace(notice, **more), now_ms)


def digest(*alerts: Alert, now_ms: int = START + M, **more: Any) -> Message:
    return told(*alerts, change=None, now_ms=now_ms, form=Form.DIGEST, **more)


def after(engine: Engine, *events: Event) -> list[Alert]:
    """All alerts of these events, as they stand after the last."""
    found = {one.alert.episode_id: one.alert for event in events for one in engine.observe(event, event.received_ms)}
    return list(found.values())


def rates(*values: float, since_ms: int = START, symbol: str = ETH) -> list[Event]:
    """One rate at each venue, one after the other."""
    places = enumerate(zip(values, VENUES, strict=False))
    return [funding(rate, since_ms + at, venue=venue, symbol=symbol) for at, (rate, venue) in places]


def eth(**more: Any) -> Engine:
    return Engine([hot(**{"symbols": ["ETH"], **more})])


def test_a_late_digest_says_so_as_a_single_message_does() -> None:
    """Of a backlog by its oldest; of quiet hours only beyond the time for which it was meant."""
    fired = after(eth(), *rates(0.0007, 0.0008))
    backlog = digest(*fired, now_ms=START + 7 * M, words=Words("Many at once"))
    fresh = digest(*fired, now_ms=START + 30 * S, words=Words("Many at once"))
    night, morning = (
        told(*fired, change=None, now_ms=START + 8 * H + late, form=Form.DIGEST, due_ms=START + 8 * H)
        for late in (0, 20 * M)
    )

    assert backlog.headline.startswith("delayed 7 min  WARNING  Many at once: 2 messages")
    assert fresh.headline.startswith("WARNING  Many at once")
    assert night.headline.startswith("WARNING  Kept back")
    assert morning.headline.startswith("delayed 20 min  WARNING  Kept back")


def test_a_summary_counts_adds_up_and_names_the_largest() -> None:
    """Count, total, where; three of them; the rest is a number."""
    orders = [
        replace(ALERT, rule_id="whale", kind="liquidation", key={"venue": venue, "symbol": "BTC-USDT-PERP"}, value=size)
        for venue, size in (("okx", 4e6), ("bybit", 3e6), ("okx", 2e6), ("binance", 1e6), ("binance", 5e5))
    ]

    assert Message(
        headline="WARNING  5 liquidation alerts: BTC, $10.5m in all, okx, bybit, binance",
        lines=("okx 4e+06", "bybit 3e+06", "okx 2e+06", "and 2 more"),
        footer="rule whale · 2026-09-21 12:01:00Z",
        change=Change.FIRED,
    ) == many(Form.SUMMARY, *orders)


def test_a_summary_counts_no_order_twice() -> None:
    """A cascade is the sum of the single orders beside it."""
    cascade = replace(ALERT, rule_id="cascade", kind="liquidation", value=12e6)
    orders = [replace(ALERT, rule_id="whale", kind="liquidation", value=size) for size in (5e6, 4e6, 2e6)]

    assert "WARNING  4 liquidation alerts: BTC, $12m in all, binance" == many(Form.SUMMARY, cascade, *orders).headline


def test_a_digest_says_what_has_become_of_each() -> None:
    """The worst first, how far it went if it is over; a long one is cut to what can be read, and says where the rest is."""
    message = many(Form.DIGEST, ALERT, CALM, change=None, now_ms=NOON + 600_000)
    long = many(Form.DIGEST, *[ALERT] * 50, change=None)

    assert "WARNING  Kept back: 2 messages about 2 alerts, 1 still firing; funding" == message.headline
    assert (
        "WARNING 12:01:00Z  binance 0.000812 (still firing)",
        "WARNING 12:01:00Z  binance 0.000812 (cleared 12:03:05Z, peak 0.000975)",
    ) == message.lines
    assert (41, "and 10 more; all of them: tocsin outbox --all") == (len(long.lines), long.lines[-1])


def test_the_first_line_of_a_summary_says_which_way_how_far_and_beyond_what() -> None:
    """The largest first, in the places and in the lines."""
    found = after(eth(), *rates(0.00061, 0.0007, 0.0008, 0.000703, 0.00094, 0.00062, 0.00063))

    assert Message(
        headline=(
            "WARNING  7 funding alerts: ETH, longs pay shorts 0.061% to 0.094% per 8 h (limit 0.05%), "
            "gate, okx, hyperliquid and 4 more"
        ),
        lines=(
            "gate ETH-USDT-PERP: longs pay shorts 0.094% per 8 h (limit 0.05%)",
            "okx ETH-USDT-PERP: longs pay shorts 0.08% per 8 h (limit 0.05%)",
            "hyperliquid ETH-USDT-PERP: longs pay shorts 0.0703% per 8 h (limit 0.05%)",
            "and 4 more",
        ),
        footer="rule r · 2023-11-14 22:13:20Z",
        change=Change.FIRED,
    ) == told(*found)


def test_where_they_differ_the_worst_are_told_and_counted() -> None:
    """Nothing is said of all that is not true of all."""
    found = after(eth(), *rates(0.00061, -0.0007, 0.0008, -0.00094))

    assert "shorts pay longs 0.07% to 0.094% per 8 h (limit 0.05%; 2 of 4)" in told(*found).headline


def test_limits_that_differ_are_not_said() -> None:
    found = after(eth(**LEVELS), *rates(0.002, 0.0009))

    assert (
        "CRITICAL  2 funding alerts: ETH, longs pay shorts 0.09% to 0.2% per 8 h, binance, bybit"
        == told(*found).headline
    )


def test_single_orders_add_up() -> None:
    engine = Engine([rule(type="liquidation", at_least="$1m")])
    sizes = ((2e6, "long"), (3e6, "short"), (1.5e6, "long"), (5e6, "long"))
    found = after(engine, *(order(size, START + at, side=side) for at, (size, side) in enumerate(sizes)))  # type: ignore[arg-type]

    assert (
        "WARNING  4 liquidation alerts: BTC, $11.5m in all, longs of $1.5m to $5m (3 of 4), binance"
        == told(*found).headline
    )


def test_feeds_are_down() -> None:
    """Their names say whose they are."""
    engine = Engine([rule(type="feed_health", for_="0s")])
    names = ("okx.public", "bybit.market", "gate.market", "htx.market")
    found = after(engine, *(feed("down", name=name, venue=name.partition(".")[0]) for name in names))

    assert (
        "WARNING  4 feed health alerts: bybit.market, gate.market, htx.market and 1 more, down" == told(*found).headline
    )


def test_instruments_of_several_sorts_keep_their_names() -> None:
    found = after(eth(), *rates(0.0008), *rates(0.0009, symbol="ETH-USDC-PERP"))

    assert "ETH-USDC-PERP, ETH-USDT-PERP, longs pay" in told(*found).headline


def test_a_summary_told_late_says_what_is_over() -> None:
    """And how far it went; nobody should run to a screen for less."""
    engine = eth()
    both = after(engine, *rates(0.0008, 0.0007), *rates(0.0001, since_ms=START + 20 * S))
    one, other = told(*both), told(*after(engine, *rates(0.0001, 0.0001, since_ms=START + 30 * S)), both[0])

    assert one.headline.startswith("WARNING  2 funding alerts, 1 already over: ETH, longs pay shorts 0.07% to 0.08%")
    assert "binance ETH-USDT-PERP: longs pay shorts 0.08% per 8 h (limit 0.05%) (cleared 22:13:40Z)" == one.lines[1]
    assert (Change.FIRED, Change.CLEARED) == (one.change, other.change)
    assert other.headline.startswith("WARNING, already over  2 funding alerts: ETH, longs pay shorts 0.07% to 0.08%")


def test_a_summary_of_ends_says_where_they_ended_and_how_far_they_went() -> None:
    found = after(eth(), *rates(0.0008, 0.0007), *rates(0.0001, 0.0002, since_ms=START + 20 * S))
    message = told(*found, change=Change.CLEARED)

    assert message.headline.startswith("CLEARED  2 funding alerts: ETH, longs pay shorts 0.01% to 0.02% per 8 h")
    assert (
        "binance ETH-USDT-PERP: longs pay shorts 0.01% per 8 h (limit 0.05%), peak 0.08% per 8 h paid by longs",
        "bybit ETH-USDT-PERP: longs pay shorts 0.02% per 8 h (limit 0.05%), peak 0.07% per 8 h paid by longs",
    ) == message.lines


def test_a_digest_leads_with_the_peak_of_what_is_over_and_the_severity_it_had() -> None:
    """At wake-up nothing reads as an alert below its own limit; which way it went is known, too."""
    engine = eth(**LEVELS)
    minutes = (0.0006, 0.0007, -0.0016), (0.0015, 0.0001, -0.0006), (0.0001, 0.0001, -0.0006)
    steps = [rate for at, step in enumerate(minutes) for rate in rates(*step, since_ms=START + at * M)]
    message = digest(*after(engine, *steps), now_ms=START + H)

    assert (
        "CRITICAL 22:13:20Z  okx ETH-USDT-PERP: shorts pay longs 0.16% per 8 h (limit 0.1%) "
        "(eased to WARNING, still firing)",
        "CRITICAL 22:13:20Z  binance ETH-USDT-PERP: longs pay shorts 0.15% per 8 h (limit 0.1%) (cleared 22:15:20Z)",
        "WARNING 22:13:20Z  bybit ETH-USDT-PERP: longs pay shorts 0.07% per 8 h (limit 0.05%) (cleared 22:14:20Z)",
    ) == message.lines
    assert (
        "WARNING  Kept back: 3 messages about 3 alerts, 1 still firing; funding, shorts pay longs 0.16% per 8 h "
        "(limit 0.1%; 1 of 3)"
    ) == message.headline


def test_what_a_digest_only_ends_reads_as_an_end() -> None:
    """It was told when it fired; a second WARNING would read as a new one."""
    engine = eth()
    (over,) = after(engine, *rates(0.0008), *rates(0.0001, since_ms=START + M))
    members = (Member(over, (Change.CLEARED,), START + M),)
    notice = Notice(key="k", form=Form.DIGEST, members=members, created_ms=START + M, due_ms=START + M)

    assert (
        "CLEARED 22:14:20Z  binance ETH-USDT-PERP: longs pay shorts 0.01% per 8 h (limit 0.05%)"
        ", fired 22:13:20Z, peak 0.08% per 8 h paid by longs",
    ) == render(notice, START + M).lines


def test_a_digest_speaks_each_kind_s_words_of_the_peak() -> None:
    engine = Engine(
        [
            rule(id="peg", type="depeg", coins="*", depth="0.5%", confirm=False),
            rule(id="move", type="price_change", symbols="*", window="5m", above="2%"),
            rule(id="feeds", type="feed_health", for_="0s"),
            rule(id="own", type="funding", symbols="*", above="0.05%", message="{symbol} at {rate_8h:.3%}"),
        ]
    )
    prices = [mark(price, START + at * M) for at, price in enumerate((100, 100, 100, 100, 100, 96, 99))]
    quotes = [quote(price, START + at * M) for at, price in enumerate((0.99, 0.96, 1.0))]
    states = [feed(state, START + at * M) for at, state in enumerate(("down", "up"))]
    found = after(
        engine, *prices, *quotes, *states, *rates(0.0009, symbol="BTC-USDT-PERP"), *rates(0.0, symbol="BTC-USDT-PERP")
    )

    message = digest(*found, now_ms=START + H)

    assert (
        "Kept back: 4 messages about 4 alerts, none is firing now; depeg, price change, funding and 1 more"
        == message.headline
    )
    assert [
        "USDC is 4% below its peg at 0.9600 (limit 0.5%)",
        "binance BTC-USDT-PERP: price down 4% within 5m (limit 2%)",
        "BTC-USDT-PERP at 0.090%",
        "binance.market is down",
    ] == [line.split("  ")[1].split(" (cleared")[0] for line in message.lines]


def test_a_digest_counts_each_kind_of_which_there_are_several() -> None:
    engine = Engine([hot(symbols=["ETH"]), rule(id="whale", type="liquidation", at_least="$1m")])
    found = after(engine, *rates(0.0006, 0.0007), order(2e6, START + S))

    assert "; liquidation, funding (2)" in digest(*found).headline


def test_a_summary_names_its_rule_or_its_rules() -> None:
    one = after(eth(), *rates(0.0006, 0.0007))
    other = replace(one[0], rule_id="slow")

    assert told(*one).footer.startswith("rule r · ")
    assert told(*one, other).footer.startswith("rules r, slow · ")


def test_a_digest_says_since_when_it_keeps() -> None:
    """Since the oldest of what it tells was decided, whenever somebody began to write it."""
    found = after(eth(), *rates(0.0008, 0.0007))
    message = digest(*found, created_ms=START + 30 * S)

    assert "since 22:13:20Z" == message.footer


def wave(count: int) -> Message:
    """So many alerts at once, the smallest first."""
    engine = eth(symbols="*")
    events = (funding(0.0006 + at * 1e-6, START + at, symbol=f"COIN{at}-USDT-PERP") for at in range(count))
    return digest(*after(engine, *events), words=Words("Many at once"), severity=Severity.WARNING)


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


@pytest.fixture
async def office() -> AsyncIterator[Slack]:
    async with Slack() as office:
        yield office


def counted(text: str, of: int) -> int:
    """How many lines tell an alert each; the last one before the small print counts the others."""
    *lines, rest, _ = [line for line in text.splitlines()[1:] if line]
    assert say_rest(of - len(lines)) == rest
    assert f"COIN{of - 1}-USDT-PERP" in lines[0]
    return len(lines)


@pytest.mark.parametrize("count", [60, 400])
async def test_many_at_once_are_readable_in_telegram(
    phone: Telegram, session: aiohttp.ClientSession, count: int
) -> None:
    """The worst first, no line cut, and what has no room is counted."""
    place = address.parse(phone.address())
    assert isinstance(place, address.TelegramChat)
    await TelegramSink("phone", place, session=session, api_url=phone.url, patience=UNHURRIED).deliver(wave(count))

    (text,) = phone.texts
    assert (
        f"WARNING  Many at once: {count} messages about {count} alerts, {count} still firing; funding, "
        f"longs pay shorts 0.06% to {'0.0659' if count == 60 else '0.0999'}% per 8 h (limit 0.05%)"
    ) == text.splitlines()[0]
    assert 30 < counted(text, count) < 40


@pytest.mark.parametrize("count", [60, 400])
async def test_many_at_once_are_readable_in_slack(office: Slack, session: aiohttp.ClientSession, count: int) -> None:
    """In its blocks, and in the words beside them, which have less room."""
    place = address.parse(office.bot_address)
    assert isinstance(place, address.SlackBot)
    await SlackBotSink("desk", place, session=session, api_url=office.api_url, patience=UNHURRIED).deliver(wave(count))

    (seen,) = office.requests
    assert isinstance(seen.body, dict)
    header, *sections, _ = seen.body["blocks"]
    body = "\n".join(section["text"]["text"] for section in sections)
    assert 40 == counted(f"{header['text']['text']}\n{body}\nsmall print", count)
    assert 20 < counted(seen.body["text"], count) < 40
