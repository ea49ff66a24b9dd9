"""DefiLlama: what stablecoins are worth, and how many dollars of each there are."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import DefiLlama as Config
from daemon.sources.poller import Poller
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import defillama as wire
from rules.events import Event, StablecoinQuote

BUDGET = Budget(weight=30, per_s=60)  # the limit is not documented; others have seen 300 a minute


def build(config: Config, context: Context) -> list[Feed]:
    """The poller, if stablecoins are wanted."""
    if not context.wanted.any_of((StablecoinQuote,), venue=wire.VENUE):
        return []
    client = context.http.client(config.rest_url, budget=BUDGET)

    async def ask() -> list[Event]:
        body = await client.get(config.rest_url + wire.STABLECOINS, params={"includePrices": "true"})
        context.gecko_ids.update(wire.decode_gecko_ids(body))  # CoinGecko asks by id, people write tickers
        return [*wire.decode_stablecoins(body, context.clock())]

    poller = Poller(
        name="defillama.stablecoins",
        venue=wire.VENUE,
        context=context,
        sieve=Sieve(context.wanted, (StablecoinQuote,), context.once),
        every_ms=config.every,
        ask=ask,
    )
    return [poller]
