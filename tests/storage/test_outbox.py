"""The rules of the outbox, one by one, on both databases."""

import asyncio

from rules.alerts import Change, Severity
from rules.delivery.gather import NOT_TOLD
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.databases import both
from tests.storage.episodes import HOUR_MS, NOW, Clock, Episode

pytestmark = both


async def status_of(outbox: Outbox) -> dict[str | None, str]:
    """Change (or headline) -> status, of everything in the outbox."""
    return {entry.change or entry.headline: entry.status for entry in await outbox.listing()}


async def test_a_message_is_marked_before_it_leaves(journal: Journal, outbox: Outbox) -> None:
    """A crash while it is under way must find it marked."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)

    delivery = await outbox.claim("desk", NOW)

    assert delivery is not None
    assert (Change.FIRED, episode.alert, False, 1, None) == (
        delivery.change,
        delivery.alert,
        delivery.is_repeat,
        delivery.merged,
        delivery.edits,
    )
    assert [(moment.change, moment.severity, moment.at_ms, moment.value) for moment in delivery.history] == [
        (Change.FIRED, Severity.WARNING, NOW, 0.0008)
    ]
    (entry,) = await outbox.listing()
    assert ("sending", NOW, "hot-funding", episode.key) == (
        entry.status,
        entry.send_started_ms,
        entry.rule_id,
        entry.alert_key,
    )


async def test_a_sent_message_keeps_its_name_at_the_far_end(journal: Journal, outbox: Outbox) -> None:
    """Later changes edit it."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
    fired = await outbox.claim("desk", NOW)
    assert fired is not None
    assert await outbox.sent(fired.key, "17", NOW + 20)
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    cleared = await outbox.claim("desk", NOW + 30)

    assert cleared is not None
    assert (cleared.change, cleared.edits) == (Change.CLEARED, "17")
    assert [moment.change for moment in cleared.history] == [Change.FIRED, Change.CLEARED]
    assert {"fired": "sent", "cleared": "sending"} == await status_of(outbox)


async def test_an_answer_that_comes_late_changes_nothing(journal: Journal, outbox: Outbox) -> None:
    """What was declared uncertain or dead stays so."""
    await journal.commit(Episode().change(Change.FIRED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.uncertain(delivery.key, "no answer in 10 s", resend=False)

    assert not await outbox.sent(delivery.key, "17", NOW)
    assert not await outbox.retry_at(delivery.key, NOW, "late")
    assert {"fired": "uncertain"} == await status_of(outbox)


async def test_a_lane_has_one_message_in_flight(journal: Journal, outbox: Outbox) -> None:
    """The next one waits for the answer, and other lanes do not."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED, "desk", "phone"), NOW)
    await journal.commit(Episode("ETH-USDT-PERP").change(Change.FIRED, "desk"), NOW)
    assert await outbox.claim("desk", NOW) is not None

    assert await outbox.claim("desk", NOW) is None
    assert await outbox.next_at_ms("desk", NOW) is None
    assert await outbox.claim("phone", NOW) is not None


async def test_first_in_first_out_behind_what_is_critical(journal: Journal, outbox: Outbox) -> None:
    """Nobody waits for that behind what is milder; a warning does not overtake its older neighbour."""
    episodes = [Episode(f"{coin}-USDT-PERP") for coin in ("BTC", "ETH", "SOL", "XRP")]
    severities = (Severity.INFO, Severity.CRITICAL, Severity.WARNING, Severity.CRITICAL)
    for episode, severity in zip(episodes, severities, strict=True):
        await journal.commit(episode.change(Change.FIRED, "desk", severity=severity), NOW)

    told = []
    while (delivery := await outbox.claim("desk", NOW)) is not None:
        assert delivery.alert is not None
        told.append(delivery.alert.episode_id)
        await outbox.sent(delivery.key, None, NOW)

    assert [episodes[place].episode_id for place in (1, 3, 0, 2)] == told


async def test_a_head_that_must_wait_holds_back_its_lane(journal: Journal, outbox: Outbox) -> None:
    """And says when it is worth coming back."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED, "desk"), NOW)
    await journal.commit(Episode("ETH-USDT-PERP").change(Change.FIRED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    assert await outbox.retry_at(delivery.key, NOW + 2_000, "connection refused")

    assert await outbox.claim("desk", NOW + 1_999) is None
    assert NOW + 2_000 == await outbox.next_at_ms("desk", NOW)
    again = await outbox.claim("desk", NOW + 2_000)
    assert again is not None
    assert (delivery.key, 1, False) == (again.key, again.attempts, again.is_repeat)


async def test_a_refusal_holds_the_lane_and_is_no_attempt(
    journal: Journal, outbox: Outbox, database: Database, database_url: str
) -> None:
    """429 with Retry-After: nothing leaves before, not even after a restart."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED, "desk", "phone"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.hold_lane("desk", NOW + 17_000, "too many requests", key=delivery.key)
    await outbox.hold_lane("desk", NOW + 5_000, "a shorter time changes nothing")
    await database.close()

    reopened = await Database.open(database_url, clock=Clock(NOW))
    after = Outbox(reopened)
    await after.recover(NOW)
    assert await after.claim("desk", NOW + 16_999) is None
    assert NOW + 17_000 == await after.next_at_ms("desk", NOW)
    assert await after.claim("phone", NOW) is not None
    again = await after.claim("desk", NOW + 17_000)
    assert again is not None
    assert (delivery.key, 0, False) == (again.key, again.attempts, again.is_repeat)
    await reopened.close()


async def test_failures_in_a_row_are_counted_until_one_arrives(journal: Journal, outbox: Outbox) -> None:
    """The count decides how long to wait."""
    await journal.commit(Episode().change(Change.FIRED, "desk"), NOW)
    for failure in range(3):
        delivery = await outbox.claim("desk", NOW)
        assert delivery is not None
        assert failure == delivery.attempts
        await outbox.retry_at(delivery.key, NOW, "refused")
    (lane,) = await outbox.lanes()
    assert (lane.failures, lane.held_reason) == (3, "refused")

    last = await outbox.claim("desk", NOW)
    assert last is not None
    await outbox.sent(last.key, None, NOW)
    (lane,) = await outbox.lanes()
    assert (lane.failures, lane.held_reason) == (0, None)


async def test_waiting_changes_of_one_episode_are_told_by_one_message(journal: Journal, outbox: Outbox) -> None:
    """As loud as the loudest, as long-lived as the youngest, others of the lane not touched."""
    episode, other = Episode("BTC-USDT-PERP"), Episode("ETH-USDT-PERP")
    await journal.commit(episode.change(Change.FIRED, "desk", lasts_ms=10_000), NOW)
    await journal.commit(other.change(Change.FIRED, "desk"), NOW)
    await journal.commit(episode.change(Change.ESCALATED, "desk", severity=Severity.CRITICAL, value=0.002), NOW)
    await journal.commit(episode.change(Change.EASED, "desk", value=0.0009), NOW)

    delivery = await outbox.claim("desk", NOW)

    assert delivery is not None
    assert delivery.alert is not None
    assert (
        delivery.change,
        delivery.severity,
        delivery.merged,
        delivery.expires_ms,
    ) == (Change.FIRED, Severity.CRITICAL, 3, NOW + 2_000 + HOUR_MS)
    assert (delivery.alert.value, delivery.alert.peak) == (0.0009, 0.002)
    merged = await outbox.listing(["merged"])
    assert {delivery.key} == {entry.merged_into for entry in merged}
    assert all(entry.reason for entry in merged)
    await outbox.sent(delivery.key, None, NOW)
    following = await outbox.claim("desk", NOW)
    assert following is not None
    assert following.alert is not None
    assert other.episode_id == following.alert.episode_id


async def test_a_fire_that_was_never_sent_and_is_over_becomes_one_message(journal: Journal, outbox: Outbox) -> None:
    """Fired 12:01, cleared 12:03: one line, not two."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    delivery = await outbox.claim("desk", NOW + 1_000)

    assert delivery is not None
    assert (
        delivery.change,
        delivery.merged,
        delivery.edits,
        delivery.alert.is_firing if delivery.alert else None,
    ) == (Change.CLEARED, 2, None, False)
    await outbox.sent(delivery.key, "5", NOW)
    assert await outbox.claim("desk", NOW) is None
    assert {"fired": "sent", "cleared": "merged"} == await status_of(outbox)


async def test_a_retried_message_tells_what_happened_meanwhile(journal: Journal, outbox: Outbox) -> None:
    """And counts what it told before."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
    await journal.commit(episode.change(Change.ESCALATED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.retry_at(delivery.key, NOW + 1, "refused")
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    again = await outbox.claim("desk", NOW + 1)

    assert again is not None
    assert (delivery.key, Change.CLEARED, 3) == (again.key, again.change, again.merged)


async def test_too_old_is_expired_with_the_reason(journal: Journal, outbox: Outbox) -> None:
    """Days-old alerts do not arrive in a surge."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED, "desk", lasts_ms=1_000), NOW)
    await journal.commit(Episode("ETH-USDT-PERP").change(Change.FIRED, "desk", lasts_ms=60_000), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.retry_at(delivery.key, NOW + 30_000, "connection refused")

    assert NOW + 1_000 == await outbox.next_at_ms("desk", NOW)
    later = await outbox.claim("desk", NOW + 1_000)

    assert later is not None
    assert later.key != delivery.key
    (entry,) = await outbox.listing(["expired"])
    assert "too old to be of use, never sent; before that: connection refused" == entry.reason


async def test_an_end_is_not_told_where_the_beginning_never_was(journal: Journal, outbox: Outbox) -> None:
    """Dead, expired or muted: the clear ends with a reason."""
    dead, expired, muted = Episode("BTC-USDT-PERP"), Episode("ETH-USDT-PERP"), Episode("SOL-USDT-PERP")
    await journal.commit(dead.change(Change.FIRED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    assert await outbox.dead(delivery.key, "invalid_payload")
    await journal.commit(expired.change(Change.FIRED, "desk", lasts_ms=1), NOW)
    await journal.commit(muted.change(Change.FIRED, "desk", muted="quiet hours"), NOW)
    for episode in (dead, expired, muted):
        await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    assert await outbox.claim("desk", NOW + 2_000) is None

    entries = [entry for entry in await outbox.listing(lane="desk") if entry.change == "cleared"]
    assert [(entry.status, entry.reason) for entry in entries] == [("suppressed", f"muted: {NOT_TOLD}")] * 3
    *_, suppressed = await outbox.listing(["suppressed"], "desk")
    assert "muted: quiet hours" == suppressed.reason


async def test_an_end_is_told_where_the_beginning_may_have_arrived(journal: Journal, outbox: Outbox) -> None:
    """Uncertain counts as told: better an end too many than an alarm for ever."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
    fired = await outbox.claim("desk", NOW)
    assert fired is not None
    assert not await outbox.uncertain(fired.key, "no answer", resend=False)
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    cleared = await outbox.claim("desk", NOW)

    assert cleared is not None
    assert (cleared.change, cleared.edits) == (Change.CLEARED, None)


async def test_an_end_is_told_to_those_an_escalation_woke(journal: Journal, outbox: Outbox) -> None:
    """The fire was muted, the escalation was not: the trader knows, so the end belongs to the story."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk", muted="quiet hours"), NOW)
    await journal.commit(episode.change(Change.ESCALATED, "desk", severity=Severity.CRITICAL), NOW)
    escalated = await outbox.claim("desk", NOW)
    assert escalated is not None
    await outbox.sent(escalated.key, "8", NOW)
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)

    cleared = await outbox.claim("desk", NOW)

    assert cleared is not None
    assert "8" == cleared.edits


async def test_a_person_may_send_again(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """What ended unsent goes out as it is now; what may have arrived is labelled; what was sent is not."""
    await journal.commit(Episode().change(Change.FIRED, "desk", "phone", "pager"), NOW)
    keys = {}
    for lane in ("desk", "phone", "pager"):
        delivery = await outbox.claim(lane, NOW)
        assert delivery is not None
        keys[lane] = delivery.key
    await outbox.dead(keys["desk"], "refused for good")
    await outbox.uncertain(keys["phone"], "no answer", resend=False)
    await outbox.sent(keys["pager"], None, NOW)
    clock.now_ms = NOW + 5 * HOUR_MS

    assert [await outbox.retry(keys[lane]) for lane in ("desk", "phone", "pager")] == [True, True, False]

    desk, phone = await outbox.claim("desk", clock()), await outbox.claim("phone", clock())
    assert desk is not None
    assert phone is not None
    assert (desk.is_repeat, phone.is_repeat) == (False, True)
    assert [keys["desk"]] == await outbox.find(keys["desk"][:8])
    assert not await outbox.retry("no such key")


async def test_a_fire_sent_again_by_hand_after_the_end_says_that_it_is_over(journal: Journal, outbox: Outbox) -> None:
    """A message is rendered from how things are now."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk"), NOW)
    delivery = await outbox.claim("desk", NOW)
    assert delivery is not None
    await outbox.dead(delivery.key, "refused")
    await journal.commit(episode.change(Change.CLEARED, "desk"), NOW)
    assert await outbox.claim("desk", NOW) is None
    await outbox.retry(delivery.key)

    again = await outbox.claim("desk", NOW)

    assert again is not None
    assert Change.FIRED is again.change  # nobody was told of it yet, so the words begin there
    assert again.alert is not None
    assert again.alert.ended_ms is not None


async def test_many_claimers_never_get_the_same_message(journal: Journal, outbox: Outbox) -> None:
    """On PostgreSQL they run at once; the lane's row is the lock."""
    lanes = [f"lane-{number}" for number in range(4)]
    for number in range(5):
        await journal.commit(Episode(f"C{number}-USDT-PERP").change(Change.FIRED, *lanes), NOW)
    claimed: list[str] = []
    flying: dict[str, int] = dict.fromkeys(lanes, 0)

    async def worker() -> None:
        misses = 0
        while misses < 3:
            found = False
            for lane in lanes:
                if (delivery := await outbox.claim(lane, NOW)) is None:
                    continue
                found = True
                flying[lane] += 1
                assert 1 == flying[lane]
                claimed.append(delivery.key)
                await asyncio.sleep(0)
                flying[lane] -= 1
                await outbox.sent(delivery.key, None, NOW)
            misses = 0 if found else misses + 1

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(worker(), name=f"claimer {number}")

    assert 20 == len(claimed) == len(set(claimed))
