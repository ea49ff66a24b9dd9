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
from rules.delivery import Matchers
from rules.events import FundingRate, Liquidation, StablecoinQuote
from sinks.fit import weight
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import query_events
from tests.chats import Slow, Telegram, parse_html
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone, cheap
from tests.patience import PATIENCE_S

ANNA = 1
HOUR_MS = 3_600_000


def home_of(folder: Path, venue: Venue, phone: Telegram, **sections: Any) -> Home:
    return Home(folder, venue, sinks={"phone": at_phone(phone, answer={"users": [ANNA]})}, **sections)


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
    assert [rule, symbol.splitlines()[0]] == listed.splitlines()
    assert several.startswith("There are several; /silences lists them.")
    assert "symbol USDC is told again" in ended
    assert other.startswith("No silence is called other;")
    assert "rule cheap is told again" in last
    assert [
        "Say what, and for how long.",
        "long is no length of time.",
        "A silence lasts at most 30 days.",
        "There is no rule ';, and '';' is no symbol; write BTC, or BTC-USDT-PERP",
    ] == [text.splitlines()[0] for text in wrong]
    assert [] == left


async def test_a_silence_of_one_alert_is_listed_by_name(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """And those of one press under a digest in one line."""
    venue.prices = {"USDT": 0.97} | {f"C{number}": 1.0 for number in range(6)}
    async with home_of(tmp_path, venue, phone).living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await house.silences.add_all({"one": house.post.standings[0].episode_id}, author="@ben", until_ms=None)
        await until(lambda: len(house.post.silences) == 1)
        one = await asked(phone, "/silences")
        await house.silences.end("one", "@ben")
        venue.prices |= dict.fromkeys(venue.prices, 0.97)
        await until(lambda: len(house.post.standings) == 7)
        named = {f"s{number}": each.episode_id for number, each in enumerate(house.post.standings)}
        await house.silences.add_all(named, author="@ben", until_ms=None)
        await until(lambda: len(house.post.silences) == 7)
        many = await asked(phone, "/silences")
        by_symbol, by_id = await asked(phone, "/unmute c3"), await asked(phone, "/unmute s0")
        left = await house.silences.active(house.clock())

    assert "one cheap USDT is quiet until it clears, by @ben" == one
    assert by_symbol.endswith(" cheap C3 is told again")
    assert by_id.startswith("s0 cheap ")
    assert 5 == len(left)
    heading, *each = many.splitlines()
    assert "7 alerts are quiet until they clear, by @ben:" == heading
    assert sorted(f"s{number} cheap" for number in range(7)) == sorted(line.rpartition(" ")[0] for line in each)


async def test_a_slip_in_a_mute_is_refused_with_what_is_near(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The tired believe what they read: a silence for a symbol that there is not would let the rule wake them."""
    named = {"id": "fund-hot", "type": "funding", "symbols": ["BTC"], "above": "0.05%"}
    async with home_of(tmp_path, venue, phone, rules=[cheap(), named]).living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        wrong = [
            (await asked(phone, f"/mute {name} 4h")).splitlines()[0]
            for name in ("fundhot", "nosuch", "BTCUSDT", "usdtt", "BTC-USDT-PREP", "okxx", "binanse")
        ]
        right = [await asked(phone, f"/mute {name} 4h") for name in ("Fund-Hot", "usdt", "btc", "sol", "NEW-USDC-PERP")]
        silences = await house.silences.listing()

    assert [
        "There is no rule fundhot; did you mean fund-hot?",
        "There is no rule nosuch, and no rule or venue speaks of 'NOSUCH'",
        "There is no rule BTCUSDT, and 'BTCUSDT' is not how it is spelled here; write BTC, or BTC-USDT-PERP",
        "There is no rule usdtt, and no rule or venue speaks of 'USDTT'; did you mean USDT?",
        "There is no rule BTC-USDT-PREP, and no rule or venue speaks of 'BTC-USDT-PREP'; did you mean BTC?",
        "There is no rule okxx, and there is no venue 'okxx'; did you mean okx?",
        "There is no rule binanse, and there is no venue 'binanse'; did you mean binance?",
    ] == wrong
    assert [
        ["rule fund-hot is quiet"],
        ["symbol USDT is quiet"],
        ["symbol BTC is quiet"],
        ["symbol SOL is quiet", "SOL was not heard of lately"],
        ["symbol NEW-USDC-PERP is quiet", "NEW-USDC-PERP was not heard of lately"],
    ] == [
        [
            line.partition(" until")[0].removeprefix(f"{line.split()[0]} ") if " until" in line else line
            for line in text.splitlines()
        ]
        for text in right
    ]
    assert 5 == len(silences)


async def test_a_venue_is_muted_and_told_again(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """However it is written; an id may be shortened, a part of a silence is not ended alone."""
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone).living() as house:
        muted = await asked(phone, "/mute OKX 4h")
        silences = await house.silences.listing()
        again = await asked(phone, "/unmute okx")
        many = Matchers(rules=("cheap",), symbols=("BTC", "ETH"))
        await house.silences.add(author="ben", matchers=many, until_ms=house.clock() + HOUR_MS, silence_id="0badc0de99")
        await until(lambda: len(house.post.silences) == 1)
        part = await asked(phone, "/unmute eth")
        begun = await asked(phone, "/unmute 0badc0")

    assert "venue okx is quiet until " in muted
    assert [("okx",)] == [one.matchers.venues for one in silences]
    assert "venue okx is told again" in again
    assert part.startswith("eth is quiet together with others (rule cheap, symbol BTC or ETH): /unmute 0badc0de ends")
    assert "0badc0de rule cheap, symbol BTC or ETH is told again" == begun


async def test_a_mute_may_say_why(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """And whoever wonders is told."""
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone).living() as house:
        muted = await asked(phone, "/mute SOL 1h because of CPI")
        (silence,) = await house.silences.listing()

    assert "because of CPI" == silence.reason
    assert "by @anna (Telegram): because of CPI" in muted


async def test_an_unmute_of_a_coin_finds_the_silence_of_its_instrument(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """And says which there are, if it is about several."""
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone).living() as house:
        for name, quote in (("22cd6418aa00", "USDT"), ("33cd6418aa00", "USDC")):
            meant = Matchers(symbols=(f"ETH-{quote}-PERP",))
            until_ms = house.clock() + HOUR_MS
            await house.silences.add(author="ben", matchers=meant, until_ms=until_ms, silence_id=name)
        await until(lambda: len(house.post.silences) == 2)
        several = await asked(phone, "/unmute ETH")
        shown = await asked(phone, "/silences")
        first = await asked(phone, "/unmute 22cd6418")
        last = await asked(phone, "/unmute eth")

    assert several.startswith(
        "2 silences are about ETH, write the id of one: 22cd6418 symbol ETH-USDT-PERP; 33cd6418 symbol ETH-USDC-PERP\n"
    )
    assert ["22cd6418", "33cd6418"] == [row.split()[0] for row in shown.splitlines()]
    assert "22cd6418 symbol ETH-USDT-PERP is told again" == first
    assert "33cd6418 symbol ETH-USDC-PERP is told again" == last


async def test_telegrams_first_word_is_greeted(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """Whoever opens a bot presses Start."""
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone).living():
        said = await asked(phone, "/start")

    assert said.startswith("Hello! ")
    assert said.endswith("/help lists them.")


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
    phone.confirmed.clear()
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        silences = await house.silences.active(house.clock())

    assert 1 == len(silences)


async def test_what_is_snoozed_of_an_account_is_only_counted(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The chat may have other readers than who got the alert."""
    own = {"id": "my-balance", "type": "account", "coin": "USDT", "below": 500, "notify": "phone"}
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone, rules=[cheap(), own]).living() as house:
        for rule in ("my-balance", "cheap"):
            await house.silences.add(author="anna", matchers=Matchers(rules=(rule,)), until_ms=house.clock() + HOUR_MS)
        said = await asked(phone, "/silences")

    assert "rule cheap" in said
    assert "my-balance" not in said
    assert "1 about an account" in said


def test_an_answer_fits_whatever_is_in_it() -> None:
    """Cut at whole lines, so that no markup is left open."""
    text = text_of(line("<&>" * 300, head="</b>" * 50) for _ in range(100))

    assert 4096 >= weight(text)
    assert "more" in parse_html(text).splitlines()[-1]
