"""What is kept quiet from the chat: begun, listed, ended."""

from pathlib import Path

from rules.delivery import Matchers
from storage.database import Database
from tests.chats import Telegram
from tests.daemon.chat.test_commands import asked, home_of
from tests.daemon.lanes import until
from tests.daemon.town import Venue, cheap

HOUR_MS = 3_600_000


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


async def test_what_is_silenced_of_an_account_is_named_by_no_coin(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Nor ended by one: it stands in no list of the chat."""
    own = {"id": "my-balance", "type": "account", "coin": "USDT", "below": 500, "notify": "phone"}
    venue.prices["USDT"] = 1.0
    async with home_of(tmp_path, venue, phone, rules=[cheap(), own]).living() as house:
        for name, rules in (("22cd6418aa00", ("my-balance",)), ("33cd6418aa00", ())):
            meant = Matchers(rules=rules, symbols=("ETH-USDT-PERP",))
            until_ms = house.clock() + HOUR_MS
            await house.silences.add(author="anna", matchers=meant, until_ms=until_ms, silence_id=name)
        by_coin = await asked(phone, "/unmute ETH")
        other = await asked(phone, "/unmute ETH")
        by_id = await asked(phone, "/unmute 22cd6418")

    assert "33cd6418 symbol ETH-USDT-PERP is told again" == by_coin
    assert other.startswith("No silence is called ETH;")
    assert "22cd6418 about an account is told again" == by_id
