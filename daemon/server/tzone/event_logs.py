"""Stablecoins off their peg, now and before (spec/001, `ws/event_logs`)."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.server.parameters import BadParameter, a_number, a_text, a_whole_number, shown
from daemon.server.query import Query
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone import pictures
from daemon.server.tzone.depegs import (
    DOLLAR_PEG,
    Depeg,
    History,
    Seen,
    Targets,
    breaches_by_coin,
    by_ticker,
    currency_of,
    log_of,
)
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, headers, raw
from daemon.server.tzone.parts import Parts
from daemon.server.tzone.periods import DAY_S, RANGE, begin_s, has_range, span_s
from daemon.server.tzone.stablecoins import names_of
from daemon.upstream.records import DailyPrices, Stablecoin
from daemon.upstream.together import both

PATH = "/tzone_apis/services/stablecoins/ws/event_logs"
HEADERS = headers(
    ("timestamp", "Timestamp"),
    ("stablecoin", "Stablecoin"),
    ("severity_score", "Severity Score"),
    ("depeg_depth", "Depeg Depth"),
    ("duration", "Duration"),
    ("volume", "Volume"),
)
FIELDS = (
    "timestamp", "stablecoin", "name", "price", "target_peg", "depeg_depth", "depeg_percentage", "volume",
    "severity_score", "duration", "logo", "peg_type", "event_type",
)  # fmt: skip
ALIASES = {"time": "timestamp", "severity": "severity_score", "depth": "depeg_depth", "market_cap": "volume"}
DEFAULT_THRESHOLD, LEAST_THRESHOLD, MOST_THRESHOLD = 0.01, 0.001, 1.0
DEFAULT_DAYS, MOST_DAYS = 7, 1_825
MOST_EVENTS = 5_000
TURN = 4  # coins between two turns of the others
_PEG = re.compile(r"pegged[A-Za-z]{2,8}", re.IGNORECASE)


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    threshold: float  # fraction of the target
    peg_type: str
    days_back: int
    is_ranged: bool = False  # a range of the client's own, and no days_back
    begin_s: int | None = None
    span_s: int | None = None

    def since_s(self, now_s: int) -> int:
        """How far back the log goes."""
        if not self.is_ranged:
            return now_s - self.days_back * DAY_S
        if self.begin_s is not None:
            return self.begin_s
        return 0 if self.span_s is None else now_s - self.span_s


def read(given: Mapping[str, object]) -> Own:
    """A range without days_back fetches what the range is about; with days_back both hold."""
    threshold = a_number(
        "threshold",
        given.get("threshold") or DEFAULT_THRESHOLD,
        least=LEAST_THRESHOLD,
        most=MOST_THRESHOLD,
        what="a fraction",
        example="0.01",
    )
    days_back = a_whole_number("days_back", given.get("days_back") or DEFAULT_DAYS, least=1, most=MOST_DAYS)
    is_ranged = has_range(given) and not given.get("days_back")
    peg_type = _read_peg(given.get("peg_type") or DOLLAR_PEG)
    if not is_ranged:
        return Own(float(threshold), peg_type, days_back)
    return Own(float(threshold), peg_type, days_back, True, begin_s(given), span_s(given))


def _read_peg(value: object) -> str:
    text = a_text("peg_type", value).strip()
    if not _PEG.fullmatch(text):
        raise BadParameter(
            "unknown_value", "peg_type", f"{shown(text)} is no peg; write it like peggedUSD or peggedEUR"
        )
    peg_type = "pegged" + text[len("pegged") :].upper()
    if peg_type == "peggedVAR":
        raise BadParameter("unknown_value", "peg_type", "coins of peggedVAR have no target to be off from")
    return peg_type


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """DefiLlama's coins and history, and our own record of quotes."""
    parts, market = Parts(now_ms), sources.market
    no_days: list[DailyPrices] = []
    listed, days = await both(market.stablecoins(), parts.maybe("history", market.stablecoin_prices(), no_days))
    coins = parts.take(listed)
    if not coins:
        parts.lacks("DefiLlama lists no stablecoins")
    rates = [] if own.peg_type == DOLLAR_PEG else parts.take(await market.fx_rates())
    targets = Targets(own.peg_type, rates)
    if targets.at(now_ms // 1_000) is None:
        parts.lacks(f"nobody says what {currency_of(own.peg_type)} is worth in dollars")
    pegged = [coin for coin in coins if coin.peg_type.upper() == own.peg_type.upper() and not coin.is_yield_bearing]
    log = await _log(sources, own, pegged, by_ticker(coins), days, targets, now_ms=now_ms, live_ms=listed.at_ms)
    if len(log) > MOST_EVENTS:
        parts.lacks(f"of {len(log):,} events these are the newest {MOST_EVENTS:,}; a higher threshold finds fewer")
        log = log[:MOST_EVENTS]
    logos = await pictures.coins(sources, {event.coin.symbol.upper() for event in log})
    rows = [
        row(kept, event, logo.image if (logo := logos.get(event.coin.symbol.upper())) is not None else None)
        for event in log
    ]
    source = "cache" if listed.is_stale else "api"
    table = Table(rows, aliases=ALIASES, fields=FIELDS)
    return parts.data(table, {"source": source}, source)


async def _log(
    sources: Sources,
    own: Own,
    pegged: Sequence[Stablecoin],
    tickers: Mapping[str, Stablecoin],
    days: Sequence[DailyPrices],
    targets: Targets,
    *,
    now_ms: int,
    live_ms: int,
) -> list[Depeg]:
    """Every event, the newest first, the worst first of those that began together."""
    since_s, now_target = own.since_s(now_ms // 1_000), targets.at(live_ms // 1_000)
    ours = sources.views.pegs.breaches(own.threshold, now_ms=now_ms, since_ms=since_s * 1_000)
    record = breaches_by_coin(ours, tickers)
    history = History(days, targets)
    found: list[Depeg] = []
    for at, coin in enumerate(pegged):
        if at % TURN == TURN - 1:
            await asyncio.sleep(0)  # years of days are a long walk
        is_alive = not coin.is_gone  # of the dead only our own record speaks: they are off their peg for ever
        found += log_of(
            coin,
            found=history.runs(coin.gecko_id, own.threshold, since_s) if is_alive else (),
            breaches=record.get(coin.id, ()),
            live=Seen(coin.price, now_target) if is_alive and coin.price and now_target else None,
            threshold=own.threshold,
            now_ms=now_ms,
            live_ms=live_ms,
        )
    return sorted(found, key=lambda event: (-event.started_ms, -event.severity))


def row(kept: Kept, event: Depeg, logo: str | None) -> Row:
    """`volume` is what circulates, in US dollars, as the document's own example has it; `duration` is in minutes."""
    coin, seen = event.coin, event.seen
    fields: dict[str, object] = {
        "timestamp": event.started_ms // 1_000,
        "stablecoin": coin.symbol,
        "name": coin.name,
        "price": seen.price,
        "target_peg": round(seen.target, 6),
        "depeg_depth": round(abs(seen.price - seen.target), 6),
        "depeg_percentage": round(100 * seen.depth, 4),
        "volume": coin.circulating_usd,
        "severity_score": round(event.severity, 2),
        "duration": round(event.duration_min),
        "logo": logo,
        "peg_type": coin.peg_type,
        "event_type": "current" if event.is_current else "historical",
    }
    return kept.row((coin.id, event.started_ms), fields, {"stablecoin": names_of(coin)})


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    own, query = params.own, params.query
    return {
        "headers": HEADERS,
        "rows": raw(selection),
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": {
            "threshold": own.threshold,
            "peg_type": own.peg_type,
            "days_back": own.days_back,
            "page": query.page,
            "page_size": query.page_size,
        },
        "data_source": data.extra["source"],
    }


def moved(sources: Sources, own: Own) -> int:
    """When we last heard of a stablecoin."""
    del own
    return sources.views.pegs.version


SPEC = Spec(
    path=PATH,
    about="stablecoins off their peg, now and before",
    example='threshold=0.02&peg_type=peggedUSD&days_back=7&filters={"stablecoin":"USDT"}&sort_by=severity_score'
    "&sort_order=desc&page=1&page_size=10&start_time=1719878400000&end_time=1719882000000&time_field=timestamp",
    own=frozenset({"threshold", "peg_type", "days_back", *RANGE}),
    read=read,
    load=load,
    envelope=envelope,
    defaults=Query(sort_order="desc"),
    moved=moved,
)
