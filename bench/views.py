"""1,000 clients with 1,000 different filters over one table: a tick, and a view, beside doing each by itself."""

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from statistics import median

import msgspec

from bench.measure import Row, beside
from daemon.server import table
from daemon.server.query import Query, parse
from daemon.server.rows import Kept, joined
from daemon.server.table import Table, select

ROWS = 5_000
CLIENTS = 1_000
PAGE = 50
NOW_MS = 1_791_269_856_500
_VENUES = ("Binance", "Bybit", "OKX", "Deribit", "Hyperliquid")
_COINS = tuple(f"{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "AEIOUXYZKL" for c in "BCDFGHMNRT")
Fields = dict[str, object]


def rows() -> Iterator[Row]:
    """Time a tick of all clients when every row is new, when one in a hundred is, and the naive way."""
    fields = [_fields(at) for at in range(ROWS)]
    wishes = [_wish(at) for at in range(CLIENTS)]
    queries = [parse(wish) for wish in wishes]
    shown = Table([table.Row(one) for one in fields])
    for query, wish in zip(queries[::97], wishes[::97], strict=True):
        if _view(shown, query) != _naive(fields, wish):
            raise RuntimeError(f"the two ways differ on {wish}")

    sample = wishes[::9]  # of each kind as many; all of them would take a minute
    first_page = parse({"page_size": PAGE})
    kept = Kept()
    anew, moved, naive = [], [], []
    for turn in range(5):
        naive.append(_ms(lambda: [_naive(fields, wish) for wish in sample]) * CLIENTS / len(sample))
        anew.append(_ms(lambda: _tick(Table([table.Row(one) for one in fields]), queries)))
        _table(kept, fields)
        changed = [one if at % 100 else _moved(one, turn) for at, one in enumerate(fields)]
        moved.append(_ms(partial(_tick_of, kept, changed, queries)))
    warm = [_ms(lambda: _tick(shown, queries)) for _ in range(5)]
    whole, bare, share = beside(lambda: _view(shown, first_page), lambda: _naive_page(fields), calls=200)

    group = f"views: {CLIENTS:,} different filters, {ROWS:,} rows, pages of {PAGE}"
    alone = f"filter and sort dicts, encode: {median(naive):,.0f} ms ({median(naive) / CLIENTS:.2f} ms a view)"
    for what, spent in (
        ("a tick, every row new", anew),
        ("a tick, one row in 100 changed", moved),
        ("the views of a tick alone", warm),
    ):
        ratio = median(one / other for one, other in zip(spent, naive, strict=True))
        yield Row(group=group, what=what, value=median(spent), unit="ms", against=alone, ratio=ratio)
        yield Row(group=group, what=f"{what}: one view", value=median(spent) / CLIENTS * 1_000, unit="us")
    yield Row(
        group=group,
        what="a page without filters",
        value=whole,
        unit="us",
        against=f"encode its dicts: {bare:.1f} us",
        ratio=share,
    )


def _tick(shown: Table, queries: list[Query]) -> None:
    for query in queries:
        _view(shown, query)


def _tick_of(kept: Kept, fields: list[Fields], queries: list[Query]) -> None:
    _tick(_table(kept, fields), queries)


def _view(shown: Table, query: Query) -> bytes:
    return joined(select(shown, query, NOW_MS).rows)


def _table(kept: Kept, fields: list[Fields]) -> Table:
    found = [kept.row(at, one) for at, one in enumerate(fields)]
    kept.turn()
    return Table(found)


def _fields(at: int) -> Fields:
    """One contract, as the table of top contracts would show it."""
    chance = Random(at)
    coin, venue = _COINS[at // len(_VENUES)], _VENUES[at % len(_VENUES)]
    return {
        "rank": at + 1,
        "pair": f"{coin}USDT",
        "base_logo": f"https://coins.example/{coin.lower()}.png",
        "quote_logo": "https://coins.example/usdt.png",
        "exchange": venue,
        "exchange_logo": f"https://venues.example/{venue.lower()}.png",
        "open_interest": round(chance.lognormvariate(15, 2), 2),
        "price": round(chance.lognormvariate(0, 4), 6),
        "volume_24h": round(chance.lognormvariate(14, 2), 2),
        "funding_rate": round(chance.gauss(0.0001, 0.0003), 8),
        "next_funding_ms": 1_791_270_000_000 if chance.random() < 0.95 else None,
    }


def _moved(fields: Fields, turn: int) -> Fields:
    return {**fields, "price": 100.0 + turn}


def _wish(at: int) -> Fields:
    """Of each four clients: one follows a coin, one a venue from some size on, one searches, one sorts what is left."""
    chance = Random(at)
    some = round(chance.lognormvariate(14, 1))
    by, order = chance.choice(("open_interest", "price", "volume_24h", "funding_rate")), chance.choice(("asc", "desc"))
    filters: dict[str, str | list[str]]
    match at % 4:
        case 0:
            filters = {"pair": f"{_COINS[at]}USDT"}
        case 1:
            filters = {"exchange": chance.choice(_VENUES), "open_interest": f">{some}"}
        case 2:
            return {"search": _COINS[at][: 2 + at % 2], "sort_by": by, "sort_order": order, "page_size": PAGE}
        case _:
            filters = {"exchange": [*chance.sample(_VENUES, 2)], "volume_24h": f"<={some}"}
    return {"filters": filters, "sort_by": by, "sort_order": order, "page_size": PAGE}


def _naive(fields: list[Fields], wish: Fields) -> bytes:
    """As one would write it for one client: look at every row, sort what is left, encode the page."""
    tests = [_test(field, wanted) for field, wanted in wish.get("filters", {}).items()]  # type: ignore[attr-defined]  # ours
    found = [one for one in fields if all(test(one) for test in tests)]
    if "search" in wish:
        words = str(wish["search"]).lower()
        found = [
            one for one in found if any(words in str(value).lower() for value in one.values() if value is not None)
        ]
    by = str(wish["sort_by"])
    found.sort(key=lambda one: one[by], reverse=wish["sort_order"] == "desc")  # type: ignore[arg-type,return-value]  # numbers
    return msgspec.json.encode(found[:PAGE])


def _naive_page(fields: list[Fields]) -> bytes:
    return msgspec.json.encode(fields[:PAGE])


def _test(field: str, wanted: object) -> Callable[[Fields], bool]:
    if isinstance(wanted, list):
        return lambda one: one[field] in wanted
    text = str(wanted)
    if text.startswith("<="):
        most = float(text[2:])
        return lambda one: one[field] <= most  # type: ignore[operator]  # a number
    if text.startswith(">"):
        least = float(text[1:])
        return lambda one: one[field] > least  # type: ignore[operator]  # a number
    return lambda one: one[field] == wanted


def _ms(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1_000
    finally:
        gc.enable()
