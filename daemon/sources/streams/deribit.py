"""Deribit: mark price, funding and open interest of every future in one topic each, and forced trades."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Deribit as Config
from daemon.sources.listing import Listed, chosen, named, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import deribit as rest
from daemon.wire import deribit_stream as wire
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

TICKER_KINDS = (MarkPrice, FundingRate, OpenInterest)
KINDS = (*TICKER_KINDS, Liquidation)
BUDGET = Budget(weight=5, per_s=1)  # shared with the tables: about 20 a second are tolerated in bursts
CURRENCIES = ("BTC", "ETH", "USDC")  # linear contracts of all coins are listed under USDC
MOVES_WITHIN_S = 60.0  # a ticker of a liquid contract is sent ten times a second


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if anything it carries is wanted."""
    if not context.wanted.any_of(KINDS, venue=rest.VENUE):
        return []
    client = context.http.client(config.rest_url, budget=BUDGET)
    trades = wire.Trades()

    async def ask() -> list[str]:
        found: list[str] = []
        for currency in CURRENCIES:
            body = await client.get(
                config.rest_url + rest.BOOK_SUMMARY, params={"currency": currency, "kind": "future"}
            )
            rows = rest.decode_summaries(body)
            found += named((row.instrument for row in rows), _symbol)
        return found

    listed = Listed(ask, context.clock)

    async def script() -> Script:
        plan = _plan(context, await listed.symbols())
        return Script(dialect=wire, reader=wire.Decoder(trades), first=plan)

    return [
        Stream(
            name="deribit.market",
            venue=rest.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(context.wanted, KINDS, context.once),
            script=script,
            timing=timing or Timing(),
        )
    ]


def _symbol(name: str) -> str:
    """Of a future; ValueError for a combination of them."""
    return rest.read_name(name).symbol


def _plan(context: Context, listed: list[str]) -> Plan:
    wishes: list[Selection] = []
    tickers: set[str] = set()
    for kind in TICKER_KINDS:
        which = context.wanted.selection(kind, venue=rest.VENUE)
        if which is not None:
            wishes.append(which)
            tickers.update(chosen(which, listed))
    forced: list[str] = []
    if (which := context.wanted.selection(Liquidation, venue=rest.VENUE)) is not None:
        wishes.append(which)
        forced = chosen(which, listed)
    moving = [wire.ticker_topic(symbol) for symbol in sorted(tickers)]
    return Plan(
        topics=[*moving, *map(wire.trades_topic, forced)],
        moving=frozenset(moving),
        moves=frozenset(TICKER_KINDS),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
