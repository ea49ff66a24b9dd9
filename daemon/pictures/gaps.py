"""When nobody listened: what was not heard is not known, and no line may claim that it was nothing.

Three things say so. The health of the feeds that bring the rule's events: while one of a venue's is down, that venue is not
heard; a rule that does not tell venues apart goes on while any of them is heard. Feeds that say that they are up although
they were: the house was started anew. And the log, when nothing at all was written down.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from daemon.pictures.axis import MINUTE_MS
from daemon.pictures.chart import Point
from daemon.pictures.looks import ALL_KEPT, is_sum
from daemon.pictures.sides import size
from rules.compiled import Rule
from rules.events import FeedHealth, StablecoinQuote
from storage.database import Database
from storage.past import feeds_of, heard_before, heard_of

SILENCE_MS = 10 * MINUTE_MS  # no gap in what is sampled is shorter, unless the feed was down
QUIET_QUOTES_MS = 150 * MINUTE_MS  # a coin at its peg is written down once an hour
CHANGES_MAX = 500  # of feeds: one that stumbles all the time says so often
SHARE = 100  # what lacks less than a hundredth of its window is still worth looking at
TOGETHER_MS = MINUTE_MS  # feeds of one start are up within so long of each other
_SECOND_MS = 1_000
_LOOKS = 200  # so many parts of a long stretch are looked at for anything that came
Outage = tuple[int, int]  # the last moment before it, the first one after it


async def outages_of(
    database: Database, rule: Rule, key: dict[str, str], begins_ms: int, ends_ms: int
) -> tuple[int, list[Outage]]:
    """From when on the silence of this rule's events means that nothing happened, and when it does not although it is later."""
    early_ms = begins_ms - max(SILENCE_MS, rule.window_ms)  # what was not heard then is still missing from a sum
    changes = await feeds_of(database, until_ms=ends_ms, limit=CHANGES_MAX)
    bringing = [one for one in changes if _brings(one, rule, key)]
    found = [one for one in down(bringing, ends_ms) if one[1] > early_ms]
    for begun_ms, until_ms in starts(changes, bringing, is_one_venue="venue" in key):
        if until_ms > early_ms and (last_ms := await heard_before(database, begun_ms)) is not None:
            found.append((last_ms, until_ms))
    if issubclass(rule.on, ALL_KEPT):
        begins_ms, silent = await _silences(database, str(rule.on.__struct_config__.tag), early_ms, begins_ms, ends_ms)
        found += silent
    return begins_ms, merged(found)


def _brings(one: FeedHealth, rule: Rule, key: dict[str, str]) -> bool:
    """Whether this feed is one of those that the rule's events come from."""
    if rule.on is FeedHealth:
        return False
    is_its_venue = one.venue == key.get("venue", one.venue) and rule.venues.matches(one.venue.upper())
    return is_its_venue and (not one.carries or str(rule.on.__struct_config__.tag) in one.carries)


def down(changes: Sequence[FeedHealth], ends_ms: int) -> list[Outage]:
    """When every venue of these had a feed that was down. What is still down will be so at the end."""
    silent: dict[str, set[str]] = {one.venue: set() for one in changes}  # venue -> its feeds that are down
    found: list[Outage] = []
    since_ms = None
    for one in changes:
        feeds = silent[one.venue]
        feeds.add(one.feed) if one.state == "down" else feeds.discard(one.feed)
        is_down = all(silent.values())
        if is_down and since_ms is None:
            since_ms = one.received_ms
        elif not is_down and since_ms is not None:
            found.append((since_ms, one.received_ms))
            since_ms = None
    return found if since_ms is None else [*found, (since_ms, max(since_ms, ends_ms) + 1)]


def starts(
    changes: Iterable[FeedHealth], bringing: Iterable[FeedHealth], *, is_one_venue: bool
) -> list[tuple[int, int]]:
    """When the house was started anew, and when it heard what the feeds `bringing` bring: of one venue all of them."""
    up: set[tuple[str, str]] = set()
    found: list[list[int]] = []  # when the first feed said so, and the latest
    for one in changes:
        name = one.venue, one.feed
        if one.state == "up" and name in up:
            if found and one.received_ms - found[-1][1] <= TOGETHER_MS:
                found[-1][1] = one.received_ms
            else:
                found.append([one.received_ms, one.received_ms])
        up.add(name) if one.state == "up" else up.discard(name)
    heard_ms = [one.received_ms for one in bringing if one.state == "up"]
    choose = max if is_one_venue else min
    return [(first, choose((at for at in heard_ms if first <= at <= last), default=first)) for first, last in found]


async def _silences(
    database: Database, type: str, early_ms: int, begins_ms: int, ends_ms: int
) -> tuple[int, list[Outage]]:
    """A house that is up writes samples of something, each minute usually.

    Before its first event of this type it may not have listened to those.
    """
    step_ms = max(SILENCE_MS // 4, (ends_ms - early_ms) // _LOOKS)
    heard = await heard_of(database, type=type, since_ms=early_ms, until_ms=ends_ms, step_ms=step_ms)
    apart = [two - one for one, two in pairwise(heard.moments)]
    longest_ms = max(SILENCE_MS, 4 * median(apart)) if apart else SILENCE_MS
    found = [(one, two) for one, two in pairwise(heard.moments) if two - one > longest_ms]
    if heard.first_ms is not None and heard.moments and heard.first_ms < early_ms < heard.moments[0] - longest_ms:
        found.insert(0, (early_ms, heard.moments[0]))  # it was down before that
    return max(begins_ms, heard.first_ms or begins_ms, *heard.moments[:1]), found


def merged(outages: Iterable[Outage]) -> list[Outage]:
    """The same stretches in the order of time, those that meet as one."""
    found: list[Outage] = []
    for since_ms, until_ms in sorted(outages):
        if found and since_ms <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until_ms))
        else:
            found.append((since_ms, until_ms))
    return found


def unheard(rule: Rule, outages: Iterable[Outage], told: Sequence[int]) -> list[Outage]:
    """When the value was unknown: a sum is whole again a window later, but was believed at the latest when it was `told`.

    A blink of a feed does not take a day's sum away for a day.
    """
    if not is_sum(rule):
        return merged(outages)
    found = []
    for since_ms, until_ms in outages:
        is_much = (until_ms - since_ms) * SHARE > rule.window_ms
        whole_ms = until_ms + rule.window_ms if is_much else until_ms
        found.append((since_ms, min((at_ms for at_ms in told if until_ms <= at_ms < whole_ms), default=whole_ms)))
    return merged(found)


def without(points: list[Point], unknown: Iterable[Outage], rule: Rule) -> list[Point]:
    """No line where nothing is known."""
    for since_ms, until_ms in unknown:
        points = (_stopped if rule.is_timed else _broken)(points, since_ms, until_ms)
    return points


def _stopped(points: list[Point], since_ms: int, until_ms: int) -> list[Point]:
    """What stood still while nobody listened is not known to have done so."""
    before = [point for point in points if point[0] <= since_ms]
    after = [point for point in points if point[0] >= until_ms]
    if before:
        before += [(since_ms, before[-1][1])] if before[-1][0] < since_ms else []
        before.append((since_ms + 1, None))
    if points and points[-1][0] >= until_ms and (not after or after[0][0] > until_ms):
        after.insert(0, (until_ms, next((value for at_ms, value in reversed(points) if at_ms < until_ms), None)))
    return before + after


def _broken(points: list[Point], since_ms: int, until_ms: int) -> list[Point]:
    """The last value before and the first after are not joined; what came in between, somebody else has brought."""
    found: list[Point] = []
    for one, two in pairwise([*points, None]):
        assert one is not None, "only the last one is"
        found.append(one)
        if two is not None and one[0] <= since_ms and two[0] >= until_ms and None not in (one[1], two[1]):
            found.append((one[0] + 1, None))
    return found


def at_peg(points: list[Point], rule: Rule) -> list[Point]:
    """A coin at its peg is hardly written down: from quiet to loud it went in one step, and not in an hour's slope."""
    apart = [two[0] - one[0] for one, two in pairwise(points)]
    rhythm_ms = min((length for length in apart if length >= _SECOND_MS), default=0)
    found = points[:1]
    for length, (one, two) in zip(apart, pairwise(points), strict=True):
        is_quiet = one[1] is not None and size(rule, one[1]) < rule.ladder.enters[0]
        if is_quiet and 4 * rhythm_ms < length <= QUIET_QUOTES_MS:
            found.append((two[0] - rhythm_ms, one[1]))
        found.append(two)
    return found


def with_gaps(points: list[Point], rule: Rule) -> list[Point]:
    """A silence that is too long is no line, though nobody said that a feed was down."""
    if rule.is_momentary or (rule.is_timed and rule.max_age_ms is None) or len(points) < 3:
        return points
    usual_ms = median(two[0] - one[0] for one, two in pairwise(points))
    longest_ms = max(rule.max_age_ms or 0, 4 * usual_ms, SILENCE_MS)
    if rule.on is StablecoinQuote:
        longest_ms = max(longest_ms, QUIET_QUOTES_MS)
    found = points[:1]
    for point in points[1:]:
        if point[0] - found[-1][0] > longest_ms:
            found.append((found[-1][0] + 1, None))
        found.append(point)
    return found
