"""What the people on the list can ask in the chat, and what they are answered."""

import asyncio
import re
from collections import deque
from pathlib import Path
from typing import Any

from daemon.chat import trying
from daemon.chat.answering import BUSY
from daemon.chat.asked import Asked
from daemon.chat.commands import COMMANDS
from daemon.chat.saying import line, text_of
from rules.events import FeedHealth, FundingRate, Liquidation, StablecoinQuote
from sinks.fit import weight
from storage.episodes import query_alerts
from storage.journal import Batch, Journal
from storage.log import query_events
from tests.chats import Slow, Telegram, parse_html
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone, cheap
from tests.patience import PATIENCE_S

ANNA = 1


def home_of(folder: Path, venue: Venue, phone: Telegram, **sections: Any) -> Home:
    return Home(folder, venue, sinks={"phone": at_phone(phone, answer={"users": [ANNA]})}, **sections)


async def asked(phone: Telegram, text: str) -> str:
    """The answer to one command; an alert that comes meanwhile has buttons."""
    before = len(phone.shown)
    phone.writes(text, user=ANNA)
    await phone.wait_for(lambda chat: any(not shown.buttons for shown in chat.shown[before:]))
    return next(shown.text for shown in phone.shown[before:] if not shown.buttons)


async def test_commands_are_answered(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = home_of(tmp_path, venue, phone, rules=[cheap(), cheap("other", below=0.5)])
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        said = {text: await asked(phone, text) for text in ("/status", "/alerts", "/rules@some_bot", "/silences")}
        helped = await asked(phone, "/help")
        unknown = await asked(phone, "/sell everything")
        (standing,) = house.post.standings
        await house.silences.acknowledge_all([standing.episode_id], "ben <desk>", at_ms=house.clock())
        seen = await asked(phone, "/alerts")

    assert "alive; 2 rules; 1 alert" in said["/status"]
    assert "feeds: 1 up" in said["/status"]
    assert said["/alerts"].startswith("WARNING ")
    assert "rule cheap" in said["/alerts"]
    assert "cheap expression (1 firing)\nother expression" == said["/rules@some_bot"]
    assert "Nothing is kept quiet." == said["/silences"]
    assert [command.usage for command in COMMANDS.values()] == [
        one.partition(" " + COMMANDS[name].about)[0] for name, one in zip(COMMANDS, helped.splitlines(), strict=True)
    ]
    assert "There is no such command; /help lists those there are." == unknown
    assert seen.endswith("(acknowledged by ben <desk>)")


async def test_questions_about_rules_and_the_market(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = home_of(tmp_path, venue, phone, server={"port": 0, "tables": True, "live": []})
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        now_ms = house.clock()
        place: dict[str, Any] = {"venue": "okx", "symbol": "BTC-USDT-PERP", "at_ms": now_ms, "received_ms": now_ms}
        hit = place | {"price": 100_000.0, "price_kind": "bankruptcy"}
        await house._bus.publish(
            [
                FundingRate(**place, rate=0.0001, interval_h=4.0),
                Liquidation(**hit, side="long", quantity=2.0, notional_usd=200_000.0),
                Liquidation(**hit, side="short", quantity=1.0, notional_usd=100_000.0),
            ]
        )
        assert house.showroom is not None
        await until(lambda: house.showroom is not None and house.showroom.views.liquidations.version == 2)
        async with asyncio.timeout(PATIENCE_S):
            while len(await query_events(house.database, type="liquidation")) < 2:  # noqa: ASYNC110 - the recorder writes
                await asyncio.sleep(0.005)
        funding = await asked(phone, "/funding btc")
        of_one = await asked(phone, "/funding btc-usdt-perp")
        liquidations = await asked(phone, "/liquidations BTC 1h")
        peg = await asked(phone, "/peg USDT")
        why = await asked(phone, "/why cheap")
        backtest = await asked(phone, "/backtest cheap 7d")
        wrong = [
            await asked(phone, text)
            for text in (
                "/funding",
                "/funding DOGE",
                "/funding 币安人生",
                "/liquidations BTC 9d",
                "/peg XYZ",
                "/why nothing",
                "/why cheep",
                "/backtest cheap",
                "/funding btcusdt",
                "/liquidations bitcoin",
            )
        ]

    assert funding.startswith("okx 0.01% per 4 h (0.02% per 8 h), BTC-USDT-PERP, ")
    assert of_one.startswith("okx 0.01% per 4 h (0.02% per 8 h), BTC-USDT-PERP, ")
    assert (
        "BTC liquidations in the last 1h\nlongs $200k in 1\nshorts $100k in 1\nlargest $200k long BTC-USDT-PERP on okx"
        == liquidations
    )
    assert peg.startswith("USDT as each source says\ndefillama 0.97, 3% below its peg, ")
    assert why.startswith("cheap")
    assert "USDT" in why
    assert re.search(r"last message: phone was told that it fired at [0-9:]+Z$", why)
    assert re.fullmatch(
        r"cheap \d+ events in 7d\nfires 1, escalated 0, flaps 0(, firing for \d+s)?\nmessages: 1 to phone", backtest
    )
    assert [
        "Name one coin.",
        "No funding of DOGE was heard; is it among server.live, or in a rule?",
        "No funding of 币安人生 was heard; is it among server.live, or in a rule?",
        "At most 24h.",
        "No quote of XYZ was heard.",
        "There is no rule nothing; /rules lists them.",
        "There is no rule cheep; did you mean cheap?",
        "Name one rule, and how far back.",
        "'BTCUSDT' is not how it is spelled here; write BTC, or BTC-USDT-PERP",
        "'BITCOIN' is called BTC here; write BTC",
    ] == [text.splitlines()[0] for text in wrong]


async def test_funding_is_known_from_the_log_where_no_tables_are_served(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Each venue's newest prediction, the highest first."""
    venue.prices["USDT"] = 1.0
    home = home_of(tmp_path, venue, phone)
    async with home.living() as house:
        now_ms = house.clock()
        rates = [
            FundingRate(
                venue=name, symbol="BTC-USDT-PERP", rate=rate, interval_h=8.0, at_ms=now_ms, received_ms=now_ms + number
            )
            for number, (name, rate) in enumerate((("okx", 0.0003), ("bybit", 0.0002), ("okx", 0.0001)))
        ]
        journal = Journal(house.database)
        await journal.commit(Batch(events=[*rates]), now_ms)
        found = await asked(phone, "/funding BTC")
        nothing = await asked(phone, "/funding ETH")

    assert ["bybit 0.02% per 8 h, BTC-USDT-PERP", "okx 0.01% per 8 h, BTC-USDT-PERP"] == [
        text.rpartition(", ")[0] for text in found.splitlines()
    ]
    assert nothing.startswith("No funding of ETH was heard;")


async def test_why_says_what_stands_now_and_how_old_it_is(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """As /funding does in the same minute: what is stored are samples."""
    venue.prices["USDT"] = 1.0
    rules = [
        {"id": "hot", "type": "funding", "symbols": ["BTC"], "above": "0.05%"},
        {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"},
        {"id": "both", "type": "expression", "on": "funding_rate", "when": "rate > 0.01% and interval_h == 8"},
    ]
    storage = {"url": str(tmp_path / "t.db"), "sample_every": "1h"}
    sections: dict[str, Any] = {"routes": [{"to": []}], "server": {"port": 0, "tables": True, "live": []}}
    home = home_of(tmp_path, venue, phone, rules=rules, storage=storage, **sections)
    async with home.living() as house:
        for rate in (0.0001, 0.0002, 0.0003):
            now_ms = house.clock()
            place: dict[str, Any] = {"venue": "okx", "symbol": "BTC-USDT-PERP", "at_ms": now_ms, "received_ms": now_ms}
            hit = Liquidation(**place, side="long", quantity=1.0, price=9e4, price_kind="bankruptcy", notional_usd=2e6)
            await house._bus.publish([FundingRate(**place, rate=rate, interval_h=8.0), hit])
        await until(lambda: [0.0003] == [getattr(one.event, "rate", 0.0) for one in house.engine.trackers("hot")])
        why = {name: (await asked(phone, f"/why {name}")).splitlines()[1] for name in ("hot", "whale", "both")}
        funding = await asked(phone, "/funding BTC")

    age = r"(\d+s) ago"
    assert re.fullmatch(rf"okx BTC-USDT-PERP 0.03% of 0.05% \(inactive\), {age}", why["hot"])
    assert re.fullmatch(rf"okx BTC-USDT-PERP( long)? \$2m of \$1m \(over at once\), {age}", why["whale"])
    assert re.fullmatch(rf"okx BTC-USDT-PERP the condition holds, and it fires; heard {age}", why["both"])
    assert re.fullmatch(rf"okx 0.03% per 8 h, BTC-USDT-PERP, {age}", funding)


async def test_why_says_of_a_feed_what_it_does(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """In sentences; and an alert says how long it fires without mixing that with its reason."""
    venue.prices["USDT"] = 1.0
    rules = [{"id": "feed-down", "type": "feed_health", "for": "0s"}]
    async with home_of(tmp_path, venue, phone, rules=rules, routes=[{"to": []}]).living() as house:
        now_ms = house.clock()
        place: dict[str, Any] = {"venue": "okx", "at_ms": now_ms, "received_ms": now_ms}
        down = FeedHealth(**place, feed="okx.market", state="down", reason="the connection was cut for 10s")
        await house._bus.publish([down, FeedHealth(**place, feed="okx.intervals", state="up")])
        known = {"okx.market", "okx.intervals"}
        await until(lambda: known <= {one.key["feed"] for one in house.engine.trackers("feed-down")})
        async with asyncio.timeout(PATIENCE_S):
            while not await query_alerts(house.database, is_firing=True, limit=1):  # noqa: ASYNC110 - the recorder writes
                await asyncio.sleep(0.005)
        why = await asked(phone, "/why feed-down")
        alerts = await asked(phone, "/alerts")

    assert re.search(r"^okx\.market is down, and it fires; heard \d+s ago$", why, re.MULTILINE)
    assert re.search(r"^okx\.intervals is not down; heard \d+s ago$", why, re.MULTILINE)
    assert re.fullmatch(
        r"WARNING okx\.market is down: the connection was cut for 10s; firing for \d+s, rule feed-down", alerts
    )


async def test_a_peg_is_told_as_each_source_says_it_now(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The log keeps samples; what is served in the tables is as fresh as the feed."""
    venue.prices["USDT"] = 1.0
    sections: dict[str, Any] = {"storage": {"url": str(tmp_path / "t.db"), "sample_every": "1h"}}
    for tables, seen in ((True, "0.999966, 0.0034% below its peg, "), (False, "1, at its peg, ")):
        server = {"port": 0, "tables": tables, "live": []}
        async with home_of(tmp_path, venue, phone, server=server, **sections).living() as house:
            for price in (1.0, 0.999966):
                now_ms = house.clock()
                place: dict[str, Any] = {"coin": "USDE", "at_ms": now_ms, "received_ms": now_ms}
                await house._bus.publish(
                    [
                        StablecoinQuote(**place, venue=name, price=price, target=1.0, market_cap_usd=5e8)
                        for name in ("coingecko", "defillama")
                    ]
                )
            async with asyncio.timeout(PATIENCE_S):
                while len(await query_events(house.database, type="stablecoin_quote", symbol="USDE")) < 2:  # noqa: ASYNC110 - the recorder writes
                    await asyncio.sleep(0.005)
            await until(lambda: house.showroom is None or len(house.showroom.views.pegs.quotes("USDE")) == 2)
            said = (await asked(phone, "/peg usde")).splitlines()

        assert "USDE as each source says" == said[0]
        assert [f"coingecko {seen}", f"defillama {seen}"] == [text.rpartition(", ")[0] + ", " for text in said[1:]]


async def test_what_takes_too_long_is_given_up(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """And says where it can be had."""
    home = home_of(tmp_path, venue, phone)
    async with home.living() as house:
        facts = house._facts()
        why = await trying.why(facts, Asked(words=("cheap",), who="anna", name="1"), patience_s=0.0)
        backtest = await trying.backtest(facts, Asked(words=("cheap", "7d"), who="anna", name="1"), patience_s=0.0)

    assert ["That takes longer than 0 s; ask at the command line: tocsin explain cheap"] == why
    assert ["That takes longer than 0 s; try a shorter time, or tocsin backtest."] == backtest


async def test_a_press_and_a_mute_are_heard_while_questions_are_answered(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Two answers hang on their way, a third who asks is told to wait, and the house closes without them."""
    home = home_of(tmp_path, venue, phone)
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.moods_of["sendMessage"] = deque((Slow(), Slow()))
        for text in ("/why cheap", "/backtest cheap 7d"):
            phone.writes(text)
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        phone.presses("Acknowledge", shown=phone.shown[0])
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        muted = await asked(phone, "/mute cheap 4h")
        status = await asked(phone, "/status")
        third = await asked(phone, "/why cheap")
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert "rule cheap is quiet until " in muted
    assert status.startswith("alive; ")
    assert BUSY == third


async def test_telegrams_first_word_is_greeted(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """Whoever opens a bot presses Start."""
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone).living():
        said = await asked(phone, "/start")

    assert said.startswith("Hello! ")
    assert said.endswith("/help lists them.")


def test_an_answer_fits_whatever_is_in_it() -> None:
    """Cut at whole lines, so that no markup is left open."""
    text = text_of(line("<&>" * 300, head="</b>" * 50) for _ in range(100))

    assert 4096 >= weight(text)
    assert "more" in parse_html(text).splitlines()[-1]
