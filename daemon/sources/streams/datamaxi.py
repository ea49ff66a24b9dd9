"""DataMaxi+: the funding rates of many venues over one stream, with a key."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import DataMaxi as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import datamaxi as wire
from rules.events import FundingRate
from rules.selection import Selection

NAME = "datamaxi"
BUDGET = Budget(weight=10, per_s=1)


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if funding of any of its venues is wanted."""
    if not any(context.wanted.any_of((FundingRate,), venue=venue) for venue in config.exchanges):
        return []

    async def script() -> Script:
        return await _script(config, context)

    key = config.key.get_secret_value()
    stream = Stream(
        name="datamaxi.funding",
        venue=NAME,
        url=config.ws_url,
        context=context,
        sieve=Sieve(context.wanted, (FundingRate,), context.once),
        script=script,
        timing=timing or Timing(),
        headers={wire.KEY_HEADER: key},
        secrets=(key,),
    )
    return [stream]


async def _script(config: Config, context: Context) -> Script:
    """Ask which pairs there are, and for those that are wanted."""
    key = config.key.get_secret_value()
    client = context.http.client(config.rest_url, budget=BUDGET)
    topics: list[str] = []
    wishes: list[Selection] = []
    listed: set[str] = set()
    for venue in config.exchanges:
        which = context.wanted.selection(FundingRate, venue=venue)
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
