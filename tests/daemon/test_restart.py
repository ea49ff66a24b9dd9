"""A house that starts again: what fired, how long nobody watched, and what was cut off under way."""

from daemon.house import House
from rules.alerts import Severity
from storage.database import Database
from storage.log import query_transitions
from storage.notices import Words
from storage.outbox import Outbox
from tests.chats import Slack, Telegram
from tests.daemon.lanes import became, until
from tests.daemon.town import FEED, Home, Venue, at_desk, at_phone, cheap

HOUR_MS = 3_600_000


async def changes(house: House) -> list[tuple[str, str, str]]:
    return [(one.rule_id, one.change, one.reason) for one in await query_transitions(house.database)]


async def test_a_restart_remembers_what_fires(home: Home, venue: Venue, phone: Telegram) -> None:
    """It does not fire twice, and the end finds its first message."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 3)
        assert 1 == len(list(house.engine.firing()))
        assert 1 == len(phone.requests)
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert 1 == len(phone.shown)


async def test_time_away_does_not_count(home: Home, venue: Venue, phone: Telegram) -> None:
    """`for: 10m`, an hour of which nobody watched, is not over."""
    home.write(rules=[cheap() | {"for": "10m"}])
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await until(lambda: house.recorder.transitions_seen == 1)
    home.clock.ahead_ms += HOUR_MS
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 3)
        assert [("cheap", "pending", "first")] == await changes(house)
        home.clock.ahead_ms += 601_000
        await phone.wait_for(lambda chat: len(chat.shown) == 1)


async def test_a_rule_removed_while_we_were_away_ends_its_episode(home: Home, venue: Venue, phone: Telegram) -> None:
    """Nobody waits for an end that never comes."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    home.write(rules=[cheap("other", below=0.5)])
    async with home.living() as house:
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        assert ("cheap", "cleared", "rule_removed") == (await changes(house))[-1]


async def test_windows_are_warm_after_a_restart(home: Home, venue: Venue, phone: Telegram) -> None:
    """A fall of which the beginning was seen before the restart; and of two rules on one event the longer window counts."""
    fall = cheap("fall", when="change(price, 1h) < -0.02")
    short = cheap("short", when="change(price, 1m) < -0.5")
    home.write(rules=[fall, short])
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
    home.clock.ahead_ms += HOUR_MS + 60_000
    venue.prices["USDT"] = 0.97
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)


async def test_a_feed_that_was_down_before_a_restart_may_come_back(home: Home, venue: Venue, phone: Telegram) -> None:
    """Its alert ends when it is up, or when nobody listens to it any more."""
    venue.is_down = True
    health = {"id": "feeds", "type": "feed_health", "for": "0s"}
    home.write(rules=[health, cheap()])
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    home.write(sources={})
    async with home.living():
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert FEED in phone.texts[0]


# -- lanes over restarts ----------------------------------------------------------------------------------------------


async def interrupted(home: Home, **lanes: Severity) -> None:
    """A run that was killed while each of these lanes had a message under way."""
    database = await Database.open(str(home.database))
    outbox = Outbox(database)
    for lane, severity in lanes.items():
        await outbox.say(lane, Words(f"for {lane}"), severity)
        assert await outbox.claim(lane, home.clock()) is not None
    await database.close()


async def test_what_was_cut_off_follows_the_policy_of_its_own_sink(home: Home, phone: Telegram, desk: Slack) -> None:
    """The desk repeats warnings and drops what is critical, the phone the other way round, a lane that is gone is dead."""
    home.write(
        sinks={
            "phone": at_phone(phone),
            "desk": at_desk(desk, uncertain={"warning": "repeat", "critical": "drop"}),
            "bell": at_desk(desk, uncertain={"critical": "drop"}),
        }
    )
    await interrupted(
        home, phone=Severity.CRITICAL, desk=Severity.WARNING, bell=Severity.CRITICAL, gone=Severity.CRITICAL
    )
    async with home.living() as house:
        (phoned,) = await became(house.outbox, "phone", "sent")
        await became(house.outbox, "desk", "sent")
        await became(house.outbox, "bell", "uncertain")
        (gone,) = await became(house.outbox, "gone", "dead")
        assert ["bell", "desk", "phone"] == [lane.name for lane in await house.outbox.lanes()]

    assert [f"for phone (may be a repeat) #{phoned.key[:6]}"] == phone.texts
    assert "its sink is no longer in the configuration" in (gone.reason or "")


async def test_a_dead_sink_gets_a_try_at_the_next_start(home: Home, phone: Telegram, desk: Slack) -> None:
    """Somebody has unblocked the bot; its address is the same. A pause that was asked for is kept all the same."""
    home.write(sinks={"phone": at_phone(phone), "desk": at_desk(desk)})
    database = await Database.open(str(home.database))
    outbox = Outbox(database)
    for lane in ("phone", "desk"):
        await outbox.say(lane, Words("hello"), Severity.WARNING)
        assert await outbox.claim(lane, home.clock()) is not None
    (waits, mends) = (await outbox.listing(lane="desk"))[0].key, (await outbox.listing(lane="phone"))[0].key
    await outbox.disable_lane("phone", "bot was blocked", key=mends)
    await outbox.hold_lane("desk", home.clock() + HOUR_MS, "429", key=waits)
    await database.close()
    async with home.living() as house:
        await became(house.outbox, "phone", "sent")
        await became(house.outbox, "desk", "waiting")
