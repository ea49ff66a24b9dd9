"""Messages that left and were not answered, in this life or the last one."""

from rules.alerts import Change, Severity
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.databases import both
from tests.storage.episodes import NOW, Clock, Episode

pytestmark = both


async def test_an_uncertain_message_is_repeated_once_and_labelled(journal: Journal, outbox: Outbox) -> None:
    """Never more than one extra copy, however often the answer is lost."""
    await journal.commit(Episode().change(Change.FIRED, "desk", severity=Severity.CRITICAL), NOW)
    first = await outbox.claim("desk", NOW)
    assert first is not None
    assert await outbox.uncertain(first.key, "no answer", resend=True, at_ms=NOW + 500)

    assert await outbox.claim("desk", NOW + 499) is None
    second = await outbox.claim("desk", NOW + 500)
    assert second is not None
    assert (first.key, False, True) == (second.key, first.is_repeat, second.is_repeat)
    assert not await outbox.uncertain(second.key, "no answer again", resend=True)
    assert await outbox.claim("desk", NOW + 500) is None
    (entry,) = await outbox.listing()
    assert (entry.status, entry.reason) == ("uncertain", "no answer again")


async def test_a_repeat_that_was_refused_is_still_only_a_repeat(journal: Journal, outbox: Outbox) -> None:
    """A refused copy did not arrive, so the one extra copy is still allowed, and labelled."""
    await journal.commit(Episode().change(Change.FIRED, "desk", severity=Severity.CRITICAL, lasts_ms=5_000), NOW)
    first = await outbox.claim("desk", NOW)
    assert first is not None
    await outbox.uncertain(first.key, "no answer", resend=True)
    second = await outbox.claim("desk", NOW)
    assert second is not None
    await outbox.retry_at(second.key, NOW + 1_000, "refused")

    third = await outbox.claim("desk", NOW + 1_000)
    assert third is not None
    assert third.is_repeat
    await outbox.retry_at(third.key, NOW + 9_000, "refused")
    assert await outbox.claim("desk", NOW + 9_000) is None
    (entry,) = await outbox.listing()
    assert (
        entry.status,
        entry.reason,
    ) == ("expired", "too old; the copy sent before may have arrived; before that: refused")


async def test_after_a_crash_only_the_loud_is_repeated(
    journal: Journal, outbox: Outbox, database: Database, database_url: str
) -> None:
    """What was under way may have arrived: critical goes once more, labelled; the rest is left uncertain."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED, "desk", severity=Severity.CRITICAL), NOW)
    await journal.commit(Episode("ETH-USDT-PERP").change(Change.FIRED, "phone"), NOW)
    loud, quiet = await outbox.claim("desk", NOW), await outbox.claim("phone", NOW)
    assert loud is not None
    assert quiet is not None
    await database.close()

    reopened = await Database.open(database_url, clock=Clock(NOW))
    after = Outbox(reopened)
    await after.recover(NOW + 1, {Severity.CRITICAL})
    repeat = await after.claim("desk", NOW + 1)
    assert repeat is not None
    assert (loud.key, True) == (repeat.key, repeat.is_repeat)
    assert await after.claim("phone", NOW + 1) is None
    await after.recover(NOW + 2, {Severity.CRITICAL})
    assert {("desk", "uncertain"): 1, ("phone", "uncertain"): 1} == await after.counts()
    await reopened.close()


async def _told(outbox: Outbox, name: str | None) -> None:
    delivery = await outbox.claim("phone", NOW)
    assert delivery is not None
    await outbox.sent(delivery.key, name, NOW)


async def test_an_edit_that_a_crash_cut_off_is_made_again(journal: Journal, outbox: Outbox) -> None:
    """Also for a warning, and without a label: the same edit twice is one edit."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    await _told(outbox, "17")
    await journal.commit(episode.change(Change.CLEARED, "phone"), NOW)
    cut_off = await outbox.claim("phone", NOW)
    assert cut_off is not None

    await outbox.recover(NOW + 1, {Severity.CRITICAL}, lane="phone")

    again = await outbox.claim("phone", NOW + 1)
    assert again is not None
    assert (cut_off.key, "17", False) == (again.key, again.edits, again.is_repeat)


async def test_the_message_in_place_of_a_lost_edit_is_not_repeated_after_a_crash(
    journal: Journal, outbox: Outbox
) -> None:
    """It is a new message, and may stand in the chat already."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    await _told(outbox, "17")
    await journal.commit(episode.change(Change.CLEARED, "phone"), NOW)
    cut_off = await outbox.claim("phone", NOW)
    assert cut_off is not None
    await outbox.send_anew(cut_off.key)

    await outbox.recover(NOW + 1, {Severity.CRITICAL})

    assert {("phone", "sent"): 1, ("phone", "uncertain"): 1} == await outbox.counts()


async def test_what_got_worse_is_no_edit_even_when_a_crash_cuts_it_off(journal: Journal, outbox: Outbox) -> None:
    """It was a new message, so it is only as certain as any other."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    await _told(outbox, "17")
    await journal.commit(episode.change(Change.ESCALATED, "phone"), NOW)
    cut_off = await outbox.claim("phone", NOW)
    assert cut_off is not None
    assert cut_off.edits is None

    await outbox.recover(NOW + 1, {Severity.CRITICAL})

    assert {("phone", "sent"): 1, ("phone", "uncertain"): 1} == await outbox.counts()


async def test_an_end_is_a_new_message_where_the_latest_has_no_name(journal: Journal, outbox: Outbox) -> None:
    """The escalation may stand in the chat as the last word, and nobody knows its name; the first can be changed."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    await _told(outbox, "17")
    await journal.commit(episode.change(Change.ESCALATED, "phone"), NOW)
    lost = await outbox.claim("phone", NOW)
    assert lost is not None
    await outbox.uncertain(lost.key, "no answer", resend=False)
    await journal.commit(episode.change(Change.CLEARED, "phone"), NOW)

    cleared = await outbox.claim("phone", NOW)

    assert cleared is not None
    assert (Change.CLEARED, None, None) == (cleared.change, cleared.edits, cleared.edits_too)
    assert ("17", "17") == (cleared.replies, cleared.refreshes)


async def test_an_end_is_a_new_message_where_a_repeat_was_refused(journal: Journal, outbox: Outbox) -> None:
    """The first copy may stand there all the same."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    await _told(outbox, "17")
    await journal.commit(episode.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL), NOW)
    lost = await outbox.claim("phone", NOW)
    assert lost is not None
    assert await outbox.uncertain(lost.key, "no answer", resend=True)
    repeat = await outbox.claim("phone", NOW)
    assert repeat is not None
    await outbox.dead(repeat.key, "too long")
    await journal.commit(episode.change(Change.CLEARED, "phone"), NOW)

    cleared = await outbox.claim("phone", NOW)

    assert cleared is not None
    assert (Change.CLEARED, None) == (cleared.change, cleared.edits)


async def test_an_end_changes_the_latest_message_too_though_an_edit_came_between(
    journal: Journal, outbox: Outbox
) -> None:
    """The edit that told of the ease is no message of its own: the escalation's is still the latest."""
    episode = Episode()
    for change, name in ((Change.FIRED, "17"), (Change.ESCALATED, "18"), (Change.EASED, "17")):
        await journal.commit(episode.change(change, "phone"), NOW)
        await _told(outbox, name)
    await journal.commit(episode.change(Change.CLEARED, "phone"), NOW)

    cleared = await outbox.claim("phone", NOW)

    assert cleared is not None
    assert ("17", "18") == (cleared.edits, cleared.edits_too)


async def test_a_claim_whose_answer_was_lost_can_be_put_back(journal: Journal, outbox: Outbox) -> None:
    """It never left; as long as it counts as being sent, nothing else leaves the lane."""
    await journal.commit(Episode().change(Change.FIRED, "phone"), NOW)
    lost = await outbox.claim("phone", NOW + 5)
    assert lost is not None

    assert not await outbox.unclaim("phone", NOW + 4)
    assert await outbox.unclaim("phone", NOW + 5)

    again = await outbox.claim("phone", NOW + 6)
    assert again is not None
    assert (lost.key, False, 0) == (again.key, again.is_repeat, again.attempts)
