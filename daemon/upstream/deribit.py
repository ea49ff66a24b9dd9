"""Deribit over REST: futures and perpetuals now, and the open interest of options."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import SecretStr

from daemon.clock import Clock, wall_ms
from daemon.upstream.host import Host
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.records import Contract, OptionsInterest, VenueVolume
from daemon.upstream.series import is_in_dollars, times
from daemon.upstream.together import each
from daemon.wire import deribit as wire

LIVE = wire.REST_URL
VENUE = wire.VENUE
BUDGET = Budget(weight=5, per_s=1)  # about 20 a second are tolerated in bursts
CURRENCIES = ("BTC", "ETH", "USDC")  # linear contracts of all coins are listed under USDC
SETTLED_IN_COINS = ("BTC", "ETH")


class Deribit:
    """Typed calls of www.deribit.com. No key: everything here is public. `pair` is Deribit's name: BTC-PERPETUAL."""

    venue = VENUE

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        del key  # public data needs none
        self._host = Host(http, base_url, budget=BUDGET)
        self._clock = clock

    async def contracts(self, currencies: Sequence[str] = CURRENCIES) -> list[Contract]:
        """Every future and perpetual of these currencies."""
        found: dict[str, Contract] = {}
        for rows in await each(self._summaries(currency, "future") for currency in currencies):
            for row in rows:
                try:
                    found[row.instrument] = _contract(row, row.at_ms or self._clock())
                except ValueError:
                    continue  # a name that is no future
        return list(found.values())

    async def options_interest(self, coin: str = "BTC") -> list[OptionsInterest]:
        """Every option of a coin that is open: coins times the price of what underlies it, row by row."""
        currency = coin if coin in SETTLED_IN_COINS else "USDC"
        found = []
        for row in await self._summaries(currency, "option"):
            usd = times(row.interest, row.underlying)
            if usd is not None and row.instrument.partition("-")[0].partition("_")[0] == coin:
                at_ms = row.at_ms or self._clock()
                found.append(OptionsInterest(instrument=row.instrument, oi_usd=usd, at_ms=at_ms))
        return found

    async def ticker(self, pair: str) -> Contract:
        """One future or perpetual. ValueError for an option."""
        row = await self._host.get(wire.TICKER, wire.decode_ticker, {"instrument_name": pair})
        return _contract(row, row.at_ms or self._clock())

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """What was traded in one contract, with the row that says so."""

        def read(body: bytes) -> list[tuple[wire.Summary, dict[str, Any]]]:
            raw = {str(row.get("instrument_name")): row for row in wire.decode_raw(body)}
            return [(row, raw[row.instrument]) for row in wire.decode_summaries(body)]

        currency = wire.read_name(pair).symbol.split("-")[0] if wire.read_name(pair).is_inverse else "USDC"
        rows = await self._host.get(wire.BOOK_SUMMARY, read, {"currency": currency, "kind": "future"})
        for row, raw in rows:
            if row.instrument == pair and row.volume_usd is not None:
                return VenueVolume(venue=VENUE, instrument=pair, volume_usd=row.volume_usd, raw=raw)
        return None

    async def _summaries(self, currency: str, kind: Literal["future", "option"]) -> list[wire.Summary]:
        return await self._host.get(wire.BOOK_SUMMARY, wire.decode_summaries, {"currency": currency, "kind": kind})


def _contract(row: wire.Summary, at_ms: int) -> Contract:
    symbol, inverse = wire.read_name(row.instrument)
    if inverse:  # counted in dollars
        usd, base = row.interest, row.interest / row.mark if row.interest is not None and row.mark else None
    else:
        usd, base = times(row.interest, row.mark) if is_in_dollars(symbol) else None, row.interest
    perpetual = symbol.endswith("-PERP")
    return Contract(
        venue=VENUE,
        symbol=symbol,
        pair=row.instrument,
        kind="INVERSE" if inverse else "VANILLA",
        last=row.last,
        mark=row.mark,
        index=row.index,
        funding_rate=row.funding_8h if perpetual else None,
        funding_interval_h=wire.FUNDING_INTERVAL_H if perpetual and row.funding_8h is not None else None,
        oi_base=base,
        oi_usd=usd,
        volume_24h_usd=row.volume_usd,
        volume_24h_base=row.volume_base,
        at_ms=at_ms,
    )
