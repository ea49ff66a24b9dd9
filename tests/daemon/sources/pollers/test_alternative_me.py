"""Fear and greed on loopback, and from the box."""

from daemon.simulator.box import Box
from daemon.sources import configs
from daemon.sources.base import Wanted
from daemon.sources.pollers import alternative_me
from daemon.wire import alternative_me as wire
from rules.events import FearGreed
from rules.selection import Selection
from tests.daemon.simulator.far_end import NOW_MS, Clock, scenario
from tests.daemon.sources.loopback import house, rest, supervised, until

DAY_S = 86_400


def mood() -> Wanted:
    return Wanted([(FearGreed, None, Selection(None))])


def days(*values: tuple[int, int]) -> dict[str, bytes]:
    """An answer with (day, value) rows."""
    return {wire.FEAR_GREED: wire.encode_days([wire.Day(value, "Fear", day * DAY_S) for day, value in values])}


async def test_it_is_told_at_the_start_and_when_the_day_or_its_value_changes() -> None:
    """However often it is asked for."""
    async with rest(days((20_000, 30))) as host, house(mood()) as home:
        config = configs.AlternativeMe.model_validate({"rest_url": host.url, "every": "10ms"})
        [feed] = alternative_me.build(config, home.context)
        async with supervised(feed):
            await until(lambda: feed.status.frames >= 4)
            first = [(event.index, event.at_ms) for event in home.facts if isinstance(event, FearGreed)]
            host.answers |= days((20_000, 33))
            await until(lambda: len(home.facts) == 2)
            host.answers |= days((20_001, 33))
            await until(lambda: len(home.facts) == 3)
            found = [(event.index, event.at_ms) for event in home.facts if isinstance(event, FearGreed)]

    assert [(30, 20_000 * DAY_S * 1_000)] == first
    assert [(33, 20_000 * DAY_S * 1_000), (33, 20_001 * DAY_S * 1_000)] == found[1:]
    assert {"1"} == {request.query["limit"] for request in host.asked}


async def test_an_answer_without_a_day_is_trouble() -> None:
    """An empty list must not pass for a calm market."""
    async with rest(days()) as host, house(mood()) as home:
        config = configs.AlternativeMe.model_validate({"rest_url": host.url, "every": "10ms"})
        [feed] = alternative_me.build(config, home.context)
        async with supervised(feed):
            await until(lambda: home.health != [])

            assert ("down", "alternative.me sent no day that can be read") == (
                home.health[0].state,
                home.health[0].reason,
            )


async def test_it_is_asked_for_only_while_somebody_wants_it() -> None:
    """No wish, no feed; an hour between two questions."""
    async with house(Wanted([])) as home:
        assert [] == alternative_me.build(configs.AlternativeMe(), home.context)
    assert 3_600_000 == configs.AlternativeMe().every


async def test_the_box_has_a_mood() -> None:
    """The same number that its tables show."""
    async with Box(scenario(), clock=Clock()) as box, house(mood()) as home:
        [feed] = alternative_me.build(configs.AlternativeMe(**box.sources_config()["alternative_me"]), home.context)
        async with supervised(feed):
            await until(lambda: home.facts != [])
    [event] = home.facts

    assert isinstance(event, FearGreed)
    assert 0 <= event.index <= 100
    assert event.mood
    assert ("alternative_me", NOW_MS // (DAY_S * 1_000) * DAY_S * 1_000) == (event.venue, event.at_ms)
