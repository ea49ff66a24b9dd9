"""What a press does, to one alert or to many, and the words for it."""

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.chat.deeds import Action, deed, do, fold, is_over, quiet_thing
from rules.alerts import Alert, Change
from rules.delivery.matchers import Matchers
from storage.buttons import Panel
from storage.database import Database
from storage.journal import Journal
from storage.silences import Silences
from tests.storage.episodes import NOW, Clock, Episode

HOUR_MS = 3_600_000


def alert(symbol: str = "BTC-USDT-PERP", **more: object) -> Alert:
    """One that fires on Binance."""
    fired = Episode(symbol).change(Change.FIRED).transitions[0].alert
    return replace(fired, **more)


def on(venue: str, symbol: str = "BTC-USDT-PERP") -> Alert:
    """The same elsewhere."""
    return alert(symbol, key={"venue": venue, "symbol": symbol}, episode_id=f"{venue} {symbol}")


def over(symbol: str = "BTC-USDT-PERP", *, ended_ms: int = NOW - 1) -> Alert:
    """One that has cleared."""
    return alert(symbol, is_firing=False, ended_ms=ended_ms, episode_id=f"{symbol} {ended_ms}")


def momentary(symbol: str = "BTC-USDT-PERP", **more: object) -> Alert:
    """One that was over when it was told."""
    return alert(symbol, is_momentary=True, ended_ms=NOW - 1, episode_id=f"{symbol} once", **more)


def pressed(action: Action) -> Panel:
    """Buttons, and which of them was pressed now."""
    return Panel(
        token="00ff",
        key="key",
        lane="phone",
        episode_id=None,
        created_ms=NOW - 1_000,
        expires_ms=NOW + HOUR_MS,
        press="p1",
        action=action,
        who="@anna",
        chat="Telegram",
        pressed_ms=NOW,
    )


class Place:
    """A database, and what was written there."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.silences = Silences(database)

    async def do(self, action: Action, *alerts: Alert) -> list[str]:
        """Do it, twice as after a crash; what is quiet then."""
        for _ in range(2):
            await do(self.silences, pressed(action), alerts)
        return sorted(one.episode_id or str(one.matchers) for one in await self.silences.active(NOW))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = await Database.open(str(tmp_path / "t.db"), clock=Clock(NOW))
    yield Place(database)
    await database.close()


async def test_a_snooze_is_as_few_silences_as_say_the_same(place: Place) -> None:
    alerts = [on(venue, symbol) for venue in ("binance", "okx") for symbol in ("BTC-USDT-PERP", "ETH-USDT-PERP")]
    alerts += [on("bybit")]

    quiet = await place.do(Action.HOURS, *alerts)

    assert [
        "rule hot-funding, symbol BTC-USDT-PERP or ETH-USDT-PERP, venue binance or okx",
        "rule hot-funding, symbol BTC-USDT-PERP, venue bybit",
    ] == quiet
    silences = await place.silences.active(NOW)
    assert {NOW + 4 * HOUR_MS} == {one.until_ms for one in silences}
    assert {"@anna (Telegram)"} == {one.author for one in silences}


async def test_only_what_still_fires_can_be_seen_or_waited_for(place: Place) -> None:
    """What cleared before the press, or is over at once, is not; what cleared after it is, also when done again."""
    late = over("ETH-USDT-PERP", ended_ms=NOW + 5)
    alerts = [on("okx"), over(), momentary(), late]

    assert sorted([alerts[0].episode_id, late.episode_id]) == await place.do(Action.CLEAR, *alerts)
    await place.do(Action.SEEN, *alerts)
    seen = await place.silences.acknowledgements([one.episode_id for one in alerts])
    assert {alerts[0].episode_id, late.episode_id} == set(seen)


async def test_a_mute_is_about_the_one_thing(place: Place) -> None:
    assert ["symbol BTC"] == await place.do(Action.MUTE, on("okx"), on("okx", "BTC-USDC-PERP"))


async def test_a_mute_of_no_one_thing_does_nothing(place: Place) -> None:
    """Nobody is offered that; what a button brings back can be made up."""
    assert [] == await place.do(Action.MUTE, on("okx"), on("okx", "ETH-USDC-PERP"))


async def test_all_of_a_press_is_done_or_nothing(place: Place) -> None:
    """A silence of everything, with no end, is refused before anything is written."""
    with pytest.raises(ValueError, match="a silence has an end"):
        await place.silences.add_all({"a": "episode", "b": Matchers()}, author="anna", until_ms=None)

    assert [] == await place.silences.listing()


async def test_what_got_worse_is_seen_anew(place: Place) -> None:
    journal, episode = Journal(place.database), Episode()
    await journal.commit(episode.change(Change.FIRED), NOW)
    await place.silences.acknowledge_all([episode.episode_id], "anna", at_ms=NOW + 1)
    await place.silences.acknowledge_all([episode.episode_id], "ben", at_ms=NOW + 2)
    assert ["anna"] == [one.who for one in await place.silences.acknowledged()]

    await journal.commit(episode.change(Change.ESCALATED, at_ms=NOW + 3), NOW)
    for who, at_ms in (("ben", NOW + 2), ("cora", NOW + 4), ("ben", NOW + 2), ("dora", NOW + 5)):
        await place.silences.acknowledge_all([episode.episode_id], who, at_ms=at_ms)

    assert [("cora", NOW + 4)] == [(one.who, one.at_ms) for one in await place.silences.acknowledged()]


@pytest.mark.parametrize(
    ("alerts", "name"),
    [
        ([on("okx")], "BTC-USDT-PERP"),
        ([on("okx"), on("bybit")], "BTC-USDT-PERP"),
        ([on("okx"), on("okx", "BTC-USDC-PERP")], "BTC"),
        ([on("okx", "PEPE-USDT-PERP"), on("binance", "1000PEPE-USDT-PERP")], "PEPE"),
        ([on("okx"), on("okx", "ETH-USDT-PERP")], ""),
        ([alert(key={"feed": "okx.mark"}, facts={"feed": "okx.mark"})], ""),
        ([on("okx"), alert(key={"feed": "okx.mark"})], ""),
        ([alert(key={}, facts={"symbol": "BTC-USDT-PERP"})], ""),  # its latest event; the next may be any other
        ([momentary(key={}, facts={"symbol": "BTC-USDT-PERP"})], "BTC-USDT-PERP"),
    ],
)
def test_what_a_mute_is_about(alerts: list[Alert], name: str) -> None:
    assert name == quiet_thing(alerts)


@pytest.mark.parametrize(
    ("action", "alerts", "words"),
    [
        (Action.SEEN, [on("okx")], "acknowledged by @anna, 14:13:20Z"),
        (Action.SEEN, [on("okx"), on("bybit"), over()], "2 alerts acknowledged by @anna, 14:13:20Z"),
        (Action.SEEN, [on("okx"), over()], "1 alert acknowledged by @anna, 14:13:20Z"),
        (Action.CLEAR, [on("okx")], "snoozed by @anna until it clears"),
        (Action.CLEAR, [on("okx"), on("bybit")], "2 alerts snoozed by @anna until they clear"),
        (Action.CLEAR, [on("okx"), over()], "1 alert snoozed by @anna until it clears"),
        (Action.HOUR, [on("okx")], "snoozed by @anna until 15:13:20Z"),
        (Action.HOURS, [on("okx"), over(), momentary()], "3 alerts snoozed by @anna until 18:13:20Z"),
        (Action.MUTE, [on("okx"), on("bybit")], "BTC-USDT-PERP muted by @anna until 2026-09-22 14:13:20Z"),
    ],
)
def test_the_words_say_how_many(action: Action, alerts: list[Alert], words: str) -> None:
    assert words == deed(pressed(action), alerts, NOW, chat="Telegram")


@pytest.mark.parametrize(
    ("alerts", "possible"),
    [
        ([on("okx")], {*Action}),
        ([over()], set()),
        ([over(), on("okx", "ETH-USDT-PERP")], {*Action} - {Action.MUTE}),
        ([momentary()], {Action.HOUR, Action.HOURS, Action.MUTE}),
        ([momentary(), over()], {Action.HOUR, Action.HOURS, Action.MUTE}),
    ],
)
def test_what_would_do_nothing_is_over(alerts: list[Alert], possible: set[Action]) -> None:
    assert possible == {action for action in Action if not is_over(action, alerts)}


names = st.sampled_from(["", "a", "b", "c"])


@given(st.lists(st.tuples(names, names, names), min_size=1, max_size=30))
def test_a_fold_means_what_it_was_made_of(meant: list[tuple[str, str, str]]) -> None:
    """Whatever a rule, a thing and a venue are called, it is quiet before exactly if it is quiet afterwards."""

    def is_quiet(boxes: list[Matchers], case: tuple[str, ...]) -> bool:
        return any(
            all(not names or name in names for names, name in zip((b.rules, b.symbols, b.venues), case, strict=True))
            for b in boxes
        )

    before = [
        Matchers(rules=(a,) if a else (), symbols=(b,) if b else (), venues=(c,) if c else ()) for a, b, c in meant
    ]
    after = fold(before)

    assert len(set(meant)) >= len(after)
    for case in product("abcd", repeat=3):
        assert is_quiet(before, case) == is_quiet(after, case)
