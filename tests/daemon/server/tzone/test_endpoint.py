"""What all seventeen share: parameters that build on each other, shared tables, honest ages and intervals."""

import asyncio
import gc
import weakref
from collections.abc import Hashable
from typing import Any

import msgspec
import pytest

from daemon.server.parameters import BadParameter
from daemon.server.rows import Kept
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import (
    GROWS_AT,
    MOST_SHARED_ROWS,
    REFRESHED_S,
    TRY_AGAIN_S,
    Data,
    Endpoint,
    Frame,
    Params,
    Spec,
    adaptive,
    echo,
    names_in,
    results,
)
from tests.daemon.server.tzone.house import NOW_MS, House, asked

Own = tuple[tuple[str, str], ...]


class Shelf:
    """An endpoint whose data a test writes, and which counts how often they are loaded."""

    def __init__(self) -> None:
        self.loads: list[Hashable] = []
        self.rows: list[dict[str, Any]] = [{"pair": "BTCUSDT"}]
        self.is_stale = False
        self.error: str | None = None
        self.version = 0
        self.gate: asyncio.Event | None = None

    async def load(self, sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
        self.loads.append(own)
        if self.gate is not None:
            await self.gate.wait()
        table = Table([kept.row(place, fields) for place, fields in enumerate(self.rows)], fields=("pair",))
        return Data(table, now_ms - 3_000, is_stale=self.is_stale, error=self.error)

    def endpoint(self) -> Endpoint[Own]:
        spec: Spec[Own] = Spec(
            path="/shelf",
            about="a shelf",
            example="",
            own=frozenset({"markets", "coin"}),
            read=lambda given: tuple(sorted((name, str(value)) for name, value in given.items())),
            load=self.load,
            envelope=envelope,
            moved=lambda sources, own: self.version,
        )
        return Endpoint(spec, House().sources)


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """Rows and echo."""
    return {"rows": results(selection), "interval": frame.interval, "query_params": echo(params, "markets", "page")}


async def test_clients_who_ask_at_the_same_time_share_one_table() -> None:
    """One load for different filters; another one when the view has moved."""
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    endpoint = shelf.endpoint()
    all_of_it, some = asked(endpoint, ""), asked(endpoint, "search=btc")
    first = asyncio.create_task(endpoint.answer(all_of_it, NOW_MS, None))
    second = asyncio.create_task(endpoint.answer(some, NOW_MS, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shelf.gate.set()
    await asyncio.gather(first, second)

    assert 1 == len(shelf.loads)
    shelf.version += 1
    await endpoint.answer(all_of_it, NOW_MS + 1, None)
    assert 2 == len(shelf.loads)


async def test_a_client_who_leaves_does_not_take_the_others_table_away() -> None:
    """The load goes on."""
    shelf = Shelf()
    shelf.gate = asyncio.Event()
    endpoint = shelf.endpoint()
    leaver = asyncio.create_task(endpoint.answer(asked(endpoint, ""), NOW_MS, None))
    stayer = asyncio.create_task(endpoint.answer(asked(endpoint, "search=btc"), NOW_MS, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.wait({leaver})
    shelf.gate.set()

    assert b"BTCUSDT" in (await stayer).payload
    assert 1 == len(shelf.loads)


async def test_an_answer_that_says_the_same_is_the_last_one() -> None:
    """Even if it was loaded again; a new row, an error or its end make a new one."""
    shelf = Shelf()
    endpoint = shelf.endpoint()
    params = asked(endpoint, "")
    first = await endpoint.answer(params, NOW_MS, None)

    assert first is await endpoint.answer(params, NOW_MS + 1_000, first)
    shelf.error = "the exchange is closed"
    broken = await endpoint.answer(params, NOW_MS + 2_000, first)
    assert broken is not first
    shelf.error = None
    assert b"error" not in (await endpoint.answer(params, NOW_MS + 3_000, broken)).payload


async def test_what_is_stale_or_not_whole_says_so_and_is_answered_again_soon() -> None:
    """Only then: a fresh frame has the documents' keys and no others."""
    shelf = Shelf()
    endpoint = shelf.endpoint()
    params = asked(endpoint, "")
    fresh = await endpoint.answer(params, NOW_MS, None)
    shelf.is_stale = True
    stale = await endpoint.answer(params, NOW_MS + 1_000, None)
    shelf.error = "429"
    broken = await endpoint.answer(params, NOW_MS + 2_000, None)

    assert {"rows", "interval", "query_params"} == set(msgspec.json.decode(fresh.payload))
    assert (True, 3.0, None) == tuple(msgspec.json.decode(stale.payload)[name] for name in ("stale", "age_s", "error"))
    assert "429" == msgspec.json.decode(broken.payload)["error"]
    assert [80, REFRESHED_S, TRY_AGAIN_S] == [answer.next_s for answer in (fresh, stale, broken)]


async def test_messages_change_what_was_asked_and_null_takes_it_back() -> None:
    """What is not named stays; lists and objects are echoed as JSON."""
    endpoint = Shelf().endpoint()
    first = asked(endpoint, "markets=okx&page=2&page_size=5")
    second = endpoint.parse({"markets": ["okx", "bybit"], "page": 3}, first)
    third = endpoint.parse({"markets": None, "page_size": ""}, second)

    assert (2, 5) == (first.query.page, first.query.page_size)
    assert (3, 5) == (second.query.page, second.query.page_size)
    assert {"markets": '["okx","bybit"]', "page": "3"} == echo(second, "markets", "page")
    assert {"markets": None, "page": "3"} == echo(third, "markets", "page")
    assert endpoint.key(first) == endpoint.key(asked(endpoint, "page_size=5&page=2&markets=okx"))


async def test_text_that_no_frame_could_carry_is_replaced() -> None:
    """A lone surrogate must not break the echo."""
    endpoint = Shelf().endpoint()
    params = endpoint.parse({"coin": "\ud800", "markets": "a\udfffb"}, None)

    assert b'"markets":"a?b"' in (await endpoint.answer(params, NOW_MS, None)).payload


def test_intervals_are_printed_as_the_documents_print_them_and_grow_with_the_answer() -> None:
    """80, 10.0; an answer twice as large comes half as often; never more than once a second."""
    assert b"80" == msgspec.json.encode(adaptive(80, 100))
    assert b"10.0" == msgspec.json.encode(adaptive(10.0, GROWS_AT))
    assert 160.0 == adaptive(80, 2 * GROWS_AT)
    assert 1 == adaptive(0.25, 100)


@pytest.mark.parametrize("text", ["[", "[[", '["a",1]', "[" * 5_000, '["\ud800"'])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(BadParameter) as refusal:
        names_in("symbols", text)

    assert ("invalid_json", "symbols") == (refusal.value.code, refusal.value.parameter)


def test_every_endpoint_reads_its_own_example() -> None:
    """And has a path of its own."""
    sources = House().sources

    assert len({spec.path for spec in SPECS}) == len(SPECS)
    for spec in SPECS:
        assert asked(Endpoint(spec, sources), spec.example).written


class Counting(Shelf):
    """Remembers whose rows it made, and keeps none of them alive."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[weakref.ref[Kept]] = []

    async def load(self, sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
        self.tables.append(weakref.ref(kept))
        return await super().load(sources, own, now_ms, kept)


async def test_tables_that_were_asked_for_once_are_forgotten() -> None:
    """A client that makes up parameters gets its answers, and does not fill the memory with them."""
    shelf = Counting()
    shelf.rows = [{"pair": f"C{number}"} for number in range(1_000)]
    endpoint = shelf.endpoint()
    for number in range(2 * MOST_SHARED_ROWS // 1_000):
        await endpoint.answer(asked(endpoint, f"coin=C{number}"), NOW_MS, None)
    gc.collect()
    rows = [len(kept) for table in shelf.tables if (kept := table()) is not None]

    assert 2 * MOST_SHARED_ROWS == 1_000 * len(shelf.tables)
    assert 0 < sum(rows) <= MOST_SHARED_ROWS
