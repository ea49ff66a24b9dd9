"""A house whose files are saved while it runs: rules and sinks are exchanged, mistakes change nothing."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest

from daemon.config.load import load
from daemon.house import House
from daemon.server.health import health
from daemon.supervisor import Supervisor
from rules.alerts import Severity
from storage.notices import Words
from tests.chats import Reply, Slack, Slow, Telegram
from tests.daemon.lanes import PATIENT, became, locked, until
from tests.daemon.town import Home, Venue, at_desk, at_phone, cheap


async def test_saved_rules_are_used_at_once(home: Home, venue: Venue, phone: Telegram) -> None:
    """What fired under a removed rule ends; feeds go on when they bring what the new rules need, too."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
        before = house.feeds.statuses[0]
        home.write(rules=[cheap("cheaper", below=0.98)])
        await phone.wait_for(lambda chat: len(chat.shown) == 2 and chat.shown[0].edits == 1)
        assert before is house.feeds.statuses[0]
        assert ["cheaper"] == list(house.rules)

        home.write(rules=[cheap("dai", below=0.98, symbols=["DAI"])])
        venue.prices["DAI"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        await until(lambda: len(home.said) == 2)
        assert before is house.feeds.statuses[0]

    assert ["files were read again" in text for text in home.said] == [True, True]
    assert "+ rule cheaper" in home.said[0]


async def test_a_saved_file_lets_a_refused_feed_try_again(
    home: Home, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has enabled the key need not restart: any other limit in a rule will do."""
    monkeypatch.setattr("daemon.feeds.Supervisor", partial(Supervisor, nudged_s=0.0))
    venue.refuses = True
    async with home.living() as house:
        await until(lambda: [feed.state for feed in house.feeds.statuses] == ["down"])
        venue.refuses = False
        home.write(rules=[cheap(below=0.98)])
        await until(lambda: [feed.state for feed in house.feeds.statuses] == ["up"])


async def test_a_broken_file_changes_nothing_and_is_said_once(home: Home, venue: Venue, phone: Telegram) -> None:
    """Every mistake, the old rules stay, and the next right file counts."""
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
        good = home.file.read_text()
        home.write_text(good.replace("price < 0.99", "prize < 0.99"))
        await until(lambda: len(home.said) == 1)
        home.write_text(good.replace("price < 0.99", "prize < 0.99") + "\n")
        venue.prices["USDT"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        assert (["cheap"], 1) == (list(house.rules), health(house)["mistakes"])
        home.write(rules=[cheap("again")])
        await until(lambda: "again" in house.rules)
        await until(lambda: health(house)["mistakes"] == 0)

    assert "mistakes; what ran goes on running" in home.said[0]
    assert "tocsin.yaml:" in home.said[0]
    assert 2 == len(home.said)


async def test_sinks_are_exchanged_while_it_runs(home: Home, venue: Venue, phone: Telegram, desk: Slack) -> None:
    """The new one is told, what waits for the old one is dead, and sections that need a start wait for it."""
    async with home.living() as house:
        phone.always = Reply(503)
        await house.outbox.say("phone", Words("never arrives"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) > 0)
        home.write(sinks={"desk": at_desk(desk)}, label="LATER", sources={})
        await until(lambda: len(home.said) == 1)
        home.write(rules=[cheap("another")])
        await until(lambda: len(home.said) == 2)
        await became(house.outbox, "phone", "dead")
        venue.prices["USDT"] = 0.97
        await desk.wait_for(lambda chat: len(chat.shown) == 1)

        assert (None, ["defillama"]) == (house.config.label, list(house.config.sources or {}))
    assert desk.texts[0].startswith("WARNING")


@pytest.mark.usefixtures("no_grace")
async def test_a_message_that_hangs_during_a_reload_does_not_block_its_lane(
    home: Home, venue: Venue, phone: Telegram
) -> None:
    """It was cut off: uncertain, and the lane goes on."""
    async with home.living() as house:
        phone.moods.append(Slow())
        await house.outbox.say("phone", Words("hangs"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        home.write(sinks={"phone": at_phone(phone, late_after="5m")})
        await until(lambda: len(home.said) == 1)
        venue.prices["USDT"] = 0.97
        await became(house.outbox, "phone", "uncertain", "sent")


async def test_a_reload_waits_for_the_database(
    home: Home, impatient: None, desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """And the house does not fall over it."""
    async with home.living() as house:
        async with locked(home.database):
            home.write(sinks={"desk": at_desk(desk)})
            await until(lambda: "desk" in house.config.sinks)
            waits = {"reload waits", "the database cannot take what was decided; feeds wait"}
            await until(lambda: any(record.getMessage() in waits for record in caplog.records))
        await until(lambda: len(home.said) == 1)
        await house.outbox.say("desk", Words("hello"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["desk"])
        await became(house.outbox, "desk", "sent")


async def test_a_second_signal_in_the_middle_of_a_reload_leaves_no_lane_at_work(
    home: Home, phone: Telegram, desk: Slack
) -> None:
    """The reload was ending the old lanes; one of them is still sending."""
    phone.always = Slow()
    async with AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=PATIENT)
        living = asyncio.create_task(house.live(asyncio.Event()), name="house")
        await until(lambda: house.dispatch is not None)
        await house.outbox.say("phone", Words("hangs"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        home.write(sinks={"desk": at_desk(desk)})
        await until(lambda: lanes_end(house))
        living.cancel()
        await asyncio.wait({living})

    assert not [task for task in asyncio.all_tasks() if task.get_name() in {"dispatch", "lane phone"}]
    phone.release()


def lanes_end(house: House) -> bool:
    """They have been told to, or are gone."""
    lanes = house._desk._open
    return lanes is None or lanes.stop.is_set()
