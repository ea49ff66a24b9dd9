"""DataMaxi+: the funding rates and the liquidations of many venues, each over one stream, with a key."""

from collections.abc import Sequence

from daemon.sources.base import Context, Feed
from daemon.sources.configs import DataMaxi as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import datamaxi as wire
from rules.events import Event, FundingRate, Liquidation
from rules.selection import Selection

NAME = "datamaxi"
BUDGET = Budget(weight=10, per_s=1)


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """A stream for each of the two that is wanted of any of its venues."""
    beside = f"{config.ws_url.rpartition('/')[0]}/{wire.LIQUIDATION_PATH.rpartition('/')[2]}"
    streams: tuple[tuple[str, type[Event], str, Sequence[str]], ...] = (
        ("datamaxi.funding", FundingRate, config.ws_url, config.exchanges),
        ("datamaxi.liquidations", Liquidation, config.liquidation_url or beside, _closers(config, context)),
    )
    return [
        _stream(name, kind, url, venues, config, context, timing or Timing())
        for name, kind, url, venues in streams
        if any(context.wanted.any_of((kind,), venue=venue) for venue in venues)
    ]


def _closers(config: Config, context: Context) -> Sequence[str]:
    """The venues whose liquidations are asked for: what has a source of its own would be counted twice."""
    if config.liquidations is not None:
        return config.liquidations
    return [venue for venue in config.exchanges if venue not in context.sources]


def _stream(
    name: str, kind: type[Event], url: str, venues: Sequence[str], config: Config, context: Context, timing: Timing
) -> Stream:
    async def script() -> Script:
        return await _script(kind, venues, config, context)

    key = config.key.get_secret_value()
    return Stream(
        name=name,
        venue=NAME,
        url=url,
        context=context,
        sieve=Sieve(context.wanted, (kind,), context.once),
        script=script,
        timing=timing,
        headers={wire.KEY_HEADER: key},
        secrets=(key,),
    )


async def _script(kind: type[Event], venues: Sequence[str], config: Config, context: Context) -> Script:
    """Ask which pairs there are, and for those that are wanted."""
    key = config.key.get_secret_value()
    client = context.http.client(config.rest_url, budget=BUDGET)
    topics: list[str] = []
    wishes: list[Selection] = []
    listed: set[str] = set()
    for venue in venues:
        which = context.wanted.selection(kind, venue=venue)
        if which is None:
            continue
        body = await client.get(
            config.rest_url + wire.SYMBOLS, params={"exchange": venue}, headers={wire.KEY_HEADER: key}, secrets=(key,)
        )
        symbols = wire.decode_symbols(body)
        topics += [wire.funding_topic(symbol, venue) for symbol in chosen(which, symbols)]
        listed.update(symbols)
        wishes.append(which)
    plan = Plan(topics=topics, unlisted=unlisted(wishes, sorted(listed)))
    # every request is billed, so what was refused once is not asked for in halves
    return Script(dialect=wire, reader=wire.Decoder(), first=plan, retries=0)
