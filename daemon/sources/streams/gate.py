"""Gate's USDT futures: mark price, funding and open interest in one topic each, and liquidations."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Gate as Config
from daemon.sources.listing import Listed, chosen, named, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import gate_stream as wire
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

TICKER_KINDS = (MarkPrice, FundingRate, OpenInterest)
KINDS = (*TICKER_KINDS, Liquidation)
BUDGET = Budget(weight=100, per_s=10)  # 200 in 10 s are allowed
SINGLES_MAX = 50  # liquidations of more instruments than that are asked for as one topic
MOVES_WITHIN_S = 60.0


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if anything it carries is wanted."""
    if not context.wanted.any_of(KINDS, venue=wire.VENUE):
        return []
    client = context.http.client(config.rest_url, budget=BUDGET)
    contracts: dict[str, wire.Contract] = {}  # shared with the decoders

    async def ask() -> list[str]:
        found = wire.decode_contracts(await client.get(config.rest_url + wire.CONTRACTS))
        contracts.clear()
        contracts.update(found)
        return named(found, wire.to_symbol)

    listed = Listed(ask, context.clock)

    async def script() -> Script:
        plan = _plan(context, await listed.symbols())
        return Script(dialect=wire, reader=wire.Decoder(contracts), first=plan)

    return [
        Stream(
            name="gate.market",
            venue=wire.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(context.wanted, KINDS, context.once),
            script=script,
            timing=timing or Timing(),
            headers=wire.HEADERS,
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
    forced: list[str] = []
    if (which := context.wanted.selection(Liquidation, venue=wire.VENUE)) is not None:
        wishes.append(which)
        forced = [wire.liquidation_topic(symbol) for symbol in chosen(which, listed)]
        if which.names is None or len(forced) > SINGLES_MAX:
            forced = [wire.ALL_LIQUIDATIONS]
    return Plan(
        topics=[*moving, *forced],
        moving=frozenset(moving),
        moves=frozenset(TICKER_KINDS),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
