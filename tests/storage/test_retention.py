"""What is forgotten, and what never."""

from collections.abc import Awaitable, Callable

import pytest

from rules.alerts import Change
from storage.answers import Answers
from storage.buttons import LAST_MS, Buttons
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Batch, Journal
from storage.log import latest_alerts, query_events, query_transitions
from storage.outbox import Outbox
from storage.retention import DAY_MS, Removed, forget
from storage.silences import Silences
from tests.databases import both
from tests.storage.episodes import NOW, Clock, Episode, liquidation
from tests.storage.together import PHONE, digest, summary

pytestmark = both


async def test_old_events_go_and_the_newest_stays(journal: Journal, database: Database) -> None:
    """Its number is the end of the log, from which a tail goes on."""
    await journal.commit(Batch(events=[liquidation(NOW + number) for number in range(25)]), NOW)

    assert Removed(events=24) == await forget(database, NOW + 9 * DAY_MS, days=8, chunk=10)

    (kept,) = await query_events(database)
    assert NOW + 24 == kept.at_ms


async def test_young_events_stay(journal: Journal, database: Database) -> None:
    """Older than the limit, not as old."""
    await journal.commit(Batch(events=[liquidation(NOW + number * DAY_MS) for number in range(5)]), NOW)

    assert Removed(events=2) == await forget(database, NOW + 9 * DAY_MS + 5, days=7)


async def test_what_runs_waits_or_is_unclear_is_kept(
    journal: Journal, database: Database, outbox: Outbox, clock: Clock
) -> None:
    """However old it is."""
    running, waiting, unclear, over = (Episode(f"{name}-USDT-PERP") for name in ("A", "B", "C", "D"))
    pending = Episode("E-USDT-PERP")
    long_ms = 400 * DAY_MS
    await journal.commit(running.change(Change.FIRED), NOW)
    await journal.commit(pending.change(Change.PENDING), NOW)
    for episode, lane in ((waiting, "desk"), (unclear, "phone"), (over, "pager")):
        await journal.commit(episode.change(Change.FIRED, lane, lasts_ms=long_ms), NOW)
        await journal.commit(episode.change(Change.CLEARED), NOW)
    for lane in ("phone", "pager"):
        delivery = await outbox.claim(lane, NOW)
        assert delivery is not None
        if lane == "phone":
            await outbox.uncertain(delivery.key, "no answer", resend=False)
        else:
            await outbox.sent(delivery.key, None, NOW)

    assert Removed(messages=1, episodes=1) == await forget(database, NOW + 300 * DAY_MS, days=1)

    kept = {alert.episode_id for alert in await latest_alerts(database)}
    assert {each.episode_id for each in (running, pending, waiting, unclear)} == kept
    assert kept == {each.episode_id for each in await query_transitions(database)}
    assert {("desk", "waiting"): 1, ("phone", "uncertain"): 1} == await outbox.counts()


async def test_the_dead_are_kept_for_a_month(journal: Journal, database: Database, outbox: Outbox) -> None:
    """People look at them, after their holidays."""
    await journal.commit(Episode().change(Change.FIRED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.dead(delivery.key, "invalid")

    assert Removed() == await forget(database, NOW + 29 * DAY_MS, days=1)
    assert Removed(messages=1) == await forget(database, NOW + 31 * DAY_MS, days=1)


async def test_an_episode_outlives_its_messages(journal: Journal, database: Database, outbox: Outbox) -> None:
    """They quote it; a chunk at a time, until nothing is left."""
    for number in range(7):
        episode = Episode(f"C{number}-USDT-PERP")
        await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
        await journal.commit(episode.change(Change.CLEARED), NOW)
    while (delivery := await outbox.claim("desk", NOW)) is not None:
        await outbox.sent(delivery.key, None, NOW)

    assert Removed(messages=7, episodes=7) == await forget(database, NOW + 2 * DAY_MS, days=1, chunk=3)
    assert [] == await query_transitions(database)


async def test_the_end_of_a_long_alert_is_still_told_to_whoever_heard_its_beginning(
    journal: Journal, database: Database, outbox: Outbox
) -> None:
    """A depeg may last longer than we keep messages; the first one is what its end will change."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone", lasts_ms=400 * DAY_MS), NOW)
    fired = await outbox.claim("phone", NOW)
    assert fired is not None
    await outbox.sent(fired.key, "17", NOW)

    later = NOW + 100 * DAY_MS
    assert Removed() == await forget(database, later, days=30)
    await journal.commit(episode.change(Change.CLEARED, "phone", at_ms=later), later)
    assert Removed() == await forget(database, later + DAY_MS, days=30)

    cleared = await outbox.claim("phone", later)
    assert cleared is not None
    assert (Change.CLEARED, "17") == (cleared.change, cleared.edits)


Together = Callable[[Journal, Outbox], Awaitable[tuple[list[Episode], Delivery]]]


@pytest.mark.parametrize("told_together", [summary, digest])
async def test_the_end_is_told_to_whoever_heard_the_beginning_among_others(
    journal: Journal, database: Database, outbox: Outbox, told_together: Together
) -> None:
    """A summary or a digest that told an alert is needed as long as that alert fires, though its own has cleared."""
    (first, *others), together = await told_together(journal, outbox)
    await outbox.sent(together.key, "17", NOW)
    for episode in (first, *others[:-1]):
        await journal.commit(episode.change(Change.CLEARED, at_ms=NOW), NOW)

    later = NOW + 100 * DAY_MS
    await forget(database, later, days=30)
    last = others[-1]
    await journal.commit(last.change(Change.CLEARED, "phone", at_ms=later), later)

    cleared = await outbox.claim("phone", later, sink=PHONE)
    assert cleared is not None
    assert (Change.CLEARED, last.episode_id) == (cleared.change, cleared.alert and cleared.alert.episode_id)
    await outbox.sent(cleared.key, "18", later)
    await forget(database, later + 60 * DAY_MS, days=30)
    assert {} == await outbox.counts()


@pytest.mark.parametrize("told_together", [summary, digest])
async def test_what_can_be_pressed_knows_what_it_is_about(
    journal: Journal, database: Database, outbox: Outbox, clock: Clock, told_together: Together
) -> None:
    """Buttons may outlive what is kept of the alerts under them; once they have expired nothing holds the rows."""
    episodes, together = await told_together(journal, outbox)
    await outbox.sent(together.key, "17", NOW)
    for episode in episodes:
        await journal.commit(episode.change(Change.CLEARED, at_ms=NOW), NOW)
    acts = Buttons(database)
    panel = await acts.put(together.key, "phone", None)

    clock.now_ms += LAST_MS - 1
    await forget(database, clock.now_ms, days=1)
    assert len(episodes) == len(await acts.about(panel))

    clock.now_ms += 1
    await forget(database, clock.now_ms, days=1)
    assert [] == await acts.about(panel)


async def test_a_silence_that_its_alert_overtook_is_over(journal: Journal, database: Database) -> None:
    """Somebody said `until it clears` in the moment in which it did: nobody else would ever end that."""
    silences, episode = Silences(database), Episode()
    await journal.commit(episode.change(Change.FIRED), NOW)
    await silences.add(author="anna", episode_id=episode.episode_id, silence_id="s")
    assert ["s"] == [one.silence_id for one in await silences.active(NOW)]

    await journal.commit(episode.change(Change.CLEARED), NOW)

    assert [] == await silences.active(NOW)
    await forget(database, NOW, days=30)
    assert [] == await silences.listing()


async def test_what_was_answered_without_a_message_is_known_while_the_alert_fires(
    journal: Journal, database: Database
) -> None:
    """Over HTTP; else its buttons would be offered again. It goes with the alert."""
    episode, answers = Episode(), Answers(database)
    await journal.commit(episode.change(Change.FIRED), NOW)
    await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")

    await forget(database, NOW + 9 * DAY_MS, days=1)
    (kept,) = await answers.of([episode.episode_id])
    assert "operator (HTTP)" == kept.panel.author
    await journal.commit(episode.change(Change.CLEARED, at_ms=NOW + 9 * DAY_MS), NOW + 9 * DAY_MS)
    await forget(database, NOW + 20 * DAY_MS, days=1)
    assert [] == await answers.of([episode.episode_id])
