"""Hyperliquid over REST: every perpetual now, in one answer."""

from pydantic import SecretStr

from daemon.clock import Clock, wall_ms
from daemon.upstream.host import Host
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.records import Contract
from daemon.upstream.series import HOUR_MS, times
from daemon.wire import hyperliquid as wire

LIVE = wire.REST_URL
VENUE = wire.VENUE
BUDGET = Budget(weight=1_000, per_s=60)  # 1,200 a minute and address
WEIGHT = 20


class Hyperliquid:
    """Typed calls of api.hyperliquid.xyz. No key: everything here is public. `pair` is the coin: BTC, kPEPE."""

    venue = VENUE

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        del key  # public data needs none
        self._host = Host(http, base_url, budget=BUDGET)
        self._clock = clock

    async def contracts(self) -> list[Contract]:
        """Every perpetual. Funding is paid at each full hour; the answer names no time, so it is ours."""
        rows = await self._host.post(wire.INFO, wire.decode_contexts, wire.QUESTION, weight=WEIGHT)
        now_ms = self._clock()
        found = []
        for row in rows:
            try:
                found.append(_contract(row, wire.to_symbol(row.coin), now_ms))
            except ValueError:
                continue  # a market of another kind
        return found


def _contract(row: wire.Context, symbol: str, now_ms: int) -> Contract:
    return Contract(
        venue=VENUE,
        symbol=symbol,
        pair=row.coin,
        kind="QUANTO",
        last=row.mid,  # last trades are not in the answer; the middle of the book is what it has nearest
        mark=row.mark,
        index=row.oracle,
        funding_rate=row.funding,
        funding_interval_h=wire.FUNDING_INTERVAL_H if row.funding is not None else None,
        next_funding_ms=now_ms - now_ms % HOUR_MS + HOUR_MS if row.funding is not None else None,
        oi_base=row.interest,
        oi_usd=times(row.interest, row.mark),
        volume_24h_usd=row.volume_usd,
        volume_24h_base=row.volume_base,
        at_ms=now_ms,
        is_oi_ambiguous=row.interest is not None,  # its documents do not say whether both sides are counted
    )
