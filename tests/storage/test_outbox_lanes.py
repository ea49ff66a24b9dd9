"""Lanes that are disabled, renamed, gone; and our own words in them."""

from rules.alerts import Change, Severity
from storage.journal import Journal
from storage.notices import Words
from storage.outbox import Outbox, own_words
from tests.databases import both
from tests.storage.episodes import NOW, Episode

pytestmark = both


async def status_of(outbox: Outbox) -> dict[str | None, str]:
    """Change (or headline) -> status, of everything in the outbox."""
    return {entry.change or entry.headline: entry.status for entry in await outbox.listing()}


async def test_a_dead_lane_is_told_on_another(journal: Journal, outbox: Outbox) -> None:
    """Disabled and told in one transaction; the refused message waits for a person."""
    await journal.commit(Episode().change(Change.FIRED, "phone"), NOW)
    delivery = await outbox.claim("phone", NOW)
    assert delivery is not None
    words = Words(headline="phone does not take messages any more", lines=("bot was blocked by the user",))
    news = own_words("desk", words, Severity.CRITICAL, NOW, key="dead-phone")
    await outbox.disable_lane("phone", "bot was blocked by the user", [news], key=delivery.key)

    assert await outbox.claim("phone", NOW) is None
    assert await outbox.next_at_ms("phone", NOW) is None
    told = await outbox.claim("desk", NOW)
    assert told is not None
    assert (words, None, None, Severity.CRITICAL) == (told.words, told.alert, told.change, told.severity)
    assert await outbox.enable_lane("phone")
    again = await outbox.claim("phone", NOW)
    assert again is not None
    assert (delivery.key, False, 0) == (again.key, again.is_repeat, again.attempts)
    assert not await outbox.enable_lane("nobody")


async def test_our_own_words_are_said_once_per_key(outbox: Outbox) -> None:
    """A test message has no key and is said each time."""
    words = Words(headline="a test")
    for _ in range(2):
        await outbox.say("desk", words, Severity.INFO, key="the-same")
        await outbox.say("desk", words, Severity.INFO)

    assert {("desk", "waiting"): 3} == await outbox.counts()


async def test_lanes_follow_the_configuration(journal: Journal, outbox: Outbox) -> None:
    """A new address is a new chance; what waits in a lane that is gone ends with a reason."""
    await outbox.sync_lanes({"desk": "a", "phone": "b", "old": "c"}, NOW)
    await journal.commit(Episode().change(Change.FIRED, "desk", "phone", "old"), NOW)
    await outbox.disable_lane("desk", "revoked")
    await outbox.disable_lane("phone", "revoked")

    await outbox.sync_lanes({"desk": "a", "phone": "another", "new": "d"}, NOW)

    lanes = {lane.name: lane.disabled_reason for lane in await outbox.lanes()}
    assert {"desk": "revoked", "phone": None, "new": None} == lanes
    (entry,) = await outbox.listing(lane="old")
    assert (entry.status, entry.reason) == ("dead", "its sink is no longer in the configuration")
    assert await outbox.claim("phone", NOW) is not None


async def test_expiry_reaches_lanes_nobody_claims_from(journal: Journal, outbox: Outbox) -> None:
    """A disabled lane's queue does not grow for ever."""
    await journal.commit(Episode().change(Change.FIRED, "desk", lasts_ms=10), NOW)
    await outbox.sync_lanes({"desk": "a"}, NOW)
    await outbox.disable_lane("desk", "revoked")

    assert 0 == await outbox.expire(NOW)
    assert 1 == await outbox.expire(NOW + 10)
    assert {"fired": "expired"} == await status_of(outbox)
