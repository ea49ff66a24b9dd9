"""Bitget's USDT futures: mark price, funding and open interest in one topic each, and liquidations of the whole line."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Bitget as Config
from daemon.sources.listing import Listed, chosen, named, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import bitget_stream as wire
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

TICKER_KINDS = (MarkPrice, FundingRate, OpenInterest)
KINDS = (*TICKER_KINDS, Liquidation)
BUDGET = Budget(weight=10, per_s=1)  # 20 a second are allowed
MOVES_WITHIN_S = 60.0
REQUESTS_PER_HOUR = 240.0  # [inferred] of one connection, however many arguments each has


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if anything it carries is wanted."""
    if not context.wanted.any_of(KINDS, venue=wire.VENUE):
        return []
    client = context.http.client(config.rest_url, budget=BUDGET)
    contracts: dict[str, wire.Contract] = {}  # shared with the decoders

    async def ask() -> list[str]:
        body = await client.get(config.rest_url + wire.INSTRUMENTS, params={"category": wire.CATEGORY})
        found = wire.decode_contracts(body)
        contracts.clear()
        contracts.update(found)
        return named(found, wire.to_symbol)

    listed = Listed(ask, context.clock)

    async def script() -> Script:
        plan = _plan(context, await listed.symbols())
        return Script(
            dialect=wire,
            reader=wire.Decoder(contracts),
            first=plan,
            answers_each=True,
            requests_per_hour=REQUESTS_PER_HOUR,
        )

    return [
        Stream(
            name="bitget.market",
            venue=wire.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(context.wanted, KINDS, context.once),
            script=script,
            timing=timing or Timing(),
        )
    ]


def _plan(context: Context, listed: list[str]) -> Plan:
    wishes: list[Selection] = []
    tickers: set[str] = set()
    for kind in TICKER_KINDS:
        which = context.wanted.selection(kind, venue=wire.VENUE)
        if which is not None:
            wishes.append(which)
            tickers.update(chosen(which, listed))
    moving = [wire.ticker_topic(symbol) for symbol in sorted(tickers)]
    topics = list(moving)
    if (which := context.wanted.selection(Liquidation, venue=wire.VENUE)) is not None:
        wishes.append(which)
        topics.append(wire.LIQUIDATIONS)  # of all instruments: it takes no symbol
    return Plan(
        topics=topics,
        moving=frozenset(moving),
        moves=frozenset(TICKER_KINDS),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
