"""What the people on the list can ask in the chat, and what they are answered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.chat.commands import COMMANDS
from daemon.chat.saying import line, text_of
from rules.events import FundingRate, Liquidation
from sinks.fit import weight
from storage.database import Database
from tests.chats import Telegram, parse_html
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, cheap

ANNA = 1


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(USDT=0.97) as venue:
        yield venue


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


def home_of(folder: Path, venue: Venue, phone: Telegram, **sections: Any) -> Home:
    sink = {"url": phone.address(), "api_url": phone.url, "group": {"wait": "0s"}, "answer": {"users": [ANNA]}}
    return Home(folder, venue, sinks={"phone": sink}, **sections)


async def asked(phone: Telegram, text: str) -> str:
    """The answer to one command."""
    before = len(phone.shown)
    phone.writes(text, user=ANNA)
    await phone.wait_for(lambda chat: len(chat.shown) > before)
    return phone.texts[-1]


async def test_commands_are_answered(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = home_of(tmp_path, venue, phone, rules=[cheap(), cheap("other", below=0.5)])
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        said = {text: await asked(phone, text) for text in ("/status", "/alerts", "/rules@some_bot", "/silences")}
        helped = await asked(phone, "/help")
        unknown = await asked(phone, "/sell everything")
        (standing,) = house.post.standings
        await house.silences.acknowledge(standing.episode_id, "ben <desk>")
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
        before = house.recorder.events_seen
        await until(lambda: house.recorder.events_seen > before)  # what came before is written down
        funding = await asked(phone, "/funding btc")
        liquidations = await asked(phone, "/liquidations BTC 1h")
        peg = await asked(phone, "/peg USDT")
        why = await asked(phone, "/why cheap")
        backtest = await asked(phone, "/backtest cheap 7d")
        wrong = [
            await asked(phone, text)
            for text in (
                "/funding",
                "/funding DOGE",
                "/liquidations BTC 9d",
                "/peg XYZ",
                "/why nothing",
                "/backtest cheap",
            )
        ]

    assert funding.startswith("okx 0.01% per 4 h (0.02% per 8 h), BTC-USDT-PERP, ")
    assert "longs $200k in 1\nshorts $100k in 1\nlargest $200k long BTC-USDT-PERP on okx" == liquidations
    assert peg.startswith("defillama 0.97, -3% from its peg, ")
    assert why.startswith("cheap")
    assert "USDT" in why
    assert "last message sent to phone" in why
    assert "fires 1, escalated 0, flaps 0" in backtest
    assert [
        "Name one coin.",
        "No funding of DOGE was heard; is it among server.live, or in a rule?",
        "At most 24h.",
        "No quote of XYZ was heard.",
        "There is no rule nothing; /rules lists them.",
        "Name one rule, and how far back.",
    ] == [text.splitlines()[0] for text in wrong]


async def test_mutes_begin_are_listed_and_end(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    venue.prices["USDT"] = 1.0
    home = home_of(tmp_path, venue, phone)
    async with home.living() as house:
        rule = await asked(phone, "/mute cheap 4h")
        symbol = await asked(phone, "/mute usdc 30m")
        await until(lambda: len(house.post.silences) == 2)
        listed = await asked(phone, "/silences")
        several = await asked(phone, "/unmute")
        ended = await asked(phone, "/unmute USDC")
        other = await asked(phone, "/unmute other")
        last = await asked(phone, "/unmute")
        wrong = [await asked(phone, text) for text in ("/mute", "/mute cheap long", "/mute cheap 90d", "/mute '; 4h")]
        left = await house.silences.active(house.clock())

    assert "rule cheap is quiet until " in rule
    assert rule.endswith(", by @anna (Telegram)")
    assert "symbol USDC is quiet until " in symbol
    assert [rule, symbol] == listed.splitlines()
    assert several.startswith("There are several; /silences lists them.")
    assert "symbol USDC is told again" in ended
    assert other.startswith("No silence is called other;")
    assert "rule cheap is told again" in last
    assert [
        "Say what, and for how long.",
        "long is no length of time.",
        "A silence lasts at most 30 days.",
        "'; is neither a rule nor a symbol.",
    ] == [text.splitlines()[0] for text in wrong]
    assert [] == left


async def test_a_mute_heard_again_after_a_crash_is_the_same(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """Between the silence and the note that it was dealt with there may be a crash."""
    venue.prices["USDT"] = 1.0
    home = home_of(tmp_path, venue, phone)
    async with home.living():
        await asked(phone, "/mute cheap 4h")
    beside = await Database.open(str(home.database), exclusive=False, create=False)
    async with beside.writer() as connection:
        await connection.exec_driver_sql("UPDATE bots SET next_update = 0")
    await beside.close()
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        silences = await house.silences.active(house.clock())

    assert 1 == len(silences)


def test_an_answer_fits_whatever_is_in_it() -> None:
    """Cut at whole lines, so that no markup is left open."""
    text = text_of(line("<&>" * 300, head="</b>" * 50) for _ in range(100))

    assert 4096 >= weight(text)
    assert "more" in parse_html(text).splitlines()[-1]
