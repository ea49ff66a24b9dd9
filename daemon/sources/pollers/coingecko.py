"""CoinGecko: the second opinion on what a stablecoin is worth."""

import logging

from daemon.sources.base import Context, Feed
from daemon.sources.configs import CoinGecko as Config
from daemon.sources.poller import Poller
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import coingecko as wire
from rules.events import Event, StablecoinQuote

log = logging.getLogger(__name__)

KEYLESS = Budget(weight=5, per_s=60)
WITH_KEY = Budget(weight=30, per_s=60)
KEYLESS_EVERY_MS = 60_000
WITH_KEY_EVERY_MS = 300_000  # a demo key has 10,000 questions a month
DEMO_HEADER, PRO_HEADER = "x-cg-demo-api-key", "x-cg-pro-api-key"
PRO_HOST = "//pro-api."


def build(config: Config, context: Context) -> list[Feed]:
    """The poller, if stablecoins are wanted."""
    if not context.wanted.any_of((StablecoinQuote,), venue=wire.VENUE):
        return []
    desk = Desk(config, context)
    poller = Poller(
        name="coingecko.prices",
        venue=wire.VENUE,
        context=context,
        sieve=Sieve(context.wanted, (StablecoinQuote,), context.once),
        every_ms=config.every or (WITH_KEY_EVERY_MS if config.key else KEYLESS_EVERY_MS),
        ask=desk.ask,
    )
    return [poller]


class Desk:
    """Knows the ids of coins, and says once which wanted coins have none."""

    def __init__(self, config: Config, context: Context) -> None:
        self._context, self._url = context, config.rest_url + wire.MARKETS
        self._client = context.http.client(config.rest_url, budget=WITH_KEY if config.key else KEYLESS)
        self._key = config.key.get_secret_value() if config.key else ""
        self._header = PRO_HEADER if PRO_HOST in config.rest_url else DEMO_HEADER
        self._asked = 0
        self._told: set[str] = set()

    async def ask(self) -> list[Event]:
        """The prices of all wanted coins in one question."""
        coins = self._coins()
        if not coins:
            return []
        body = await self._client.get(
            self._url,
            params=wire.markets_query(sorted(coins.values())),
            headers={self._header: self._key} if self._key else None,
            secrets=(self._key,),
        )
        return [*wire.decode_markets(body, self._context.clock(), coins)]

    def _coins(self) -> dict[str, str]:
        """Ticker -> id of what is wanted; the large coins are known, the others learnt from DefiLlama."""
        known = {**wire.DOLLAR_COINS, **self._context.gecko_ids, **wire.DOLLAR_COINS}
        wanted = self._context.wanted.selection(StablecoinQuote, venue=wire.VENUE)
        if wanted is None or wanted.names is None:
            return dict(list(known.items())[: wire.PER_PAGE])
        coins = {coin: gecko_id for coin, gecko_id in known.items() if coin in wanted.names}
        self._asked += 1
        missing = sorted(wanted.names - coins.keys() - self._told)
        if missing and (self._context.gecko_ids or self._asked > 1):  # DefiLlama may not have answered yet
            self._told.update(missing)
            log.warning("wanted coins have no id at CoinGecko that we know", extra={"coins": missing})
        return dict(list(coins.items())[: wire.PER_PAGE])
