"""Where each stablecoin is: its amounts by blockchain (spec/001, `ws/distribution_analysis`)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import msgspec

from daemon.server.parameters import BadParameter, listed, shown
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, headers, names_in, raw
from daemon.server.tzone.parts import Parts
from daemon.server.tzone.periods import read_period
from daemon.server.tzone.stablecoins import alive, names_of
from daemon.upstream.records import Stablecoin

PATH = "/tzone_apis/services/stablecoins/ws/distribution_analysis"
HEADERS = headers(
    ("chain", "Blockchain"),
    ("stablecoin", "Stablecoin"),
    ("market_cap", "Market Cap"),
    ("percentage", "Percentage"),
    ("change_24h", "24h Change"),
)
FIELDS = ("stablecoin", "name", "chains", "total_usd")
NESTED = ("chain", "usd", "percent", "change_24h")
ALIASES = {"usd": "total_usd", "market_cap": "total_usd", "percentage": "percent", "blockchain": "chain"}
DEFAULT_CHAINS = ("ethereum", "bsc", "tron", "solana", "polygon")


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    chains: tuple[str, ...]  # in small letters
    period: str  # echoed: the amounts are those of now


def read(given: Mapping[str, object]) -> Own:
    """Chains by DefiLlama's labels, however they are capitalised."""
    chains = tuple(dict.fromkeys(name.casefold() for name in names_in("chains", given.get("chains"))))
    return Own(chains or DEFAULT_CHAINS, read_period(given))


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """Every stablecoin that is on one of these chains. BadParameter for a chain that no stablecoin is on."""
    parts = Parts(now_ms)
    coins = alive(parts.take(await sources.market.stablecoins()))
    known = {label.casefold() for coin in coins for label in coin.chains}
    if known:
        _check(own.chains, known)
    else:
        parts.lacks("DefiLlama lists no stablecoins on any chain")
    found = rows(coins, own.chains, kept)
    fields = FIELDS if found else (*FIELDS, *NESTED)  # an outer name would hide the nested one
    return parts.data(Table(found, aliases=ALIASES, time_field=None, fields=fields))


def rows(coins: Sequence[Stablecoin], chains: Collection[str], kept: Kept) -> list[Row]:
    """Largest sum first; percents are of the sum of these chains, changes in percent of the supply a day before."""
    found = []
    for coin in coins:
        on = {
            label.casefold(): (supply.usd, supply.prev_day_usd)
            for label, supply in coin.chains.items()
            if label.casefold() in chains and supply.usd
        }
        total = sum(usd or 0.0 for usd, _ in on.values())
        if total <= 0:
            continue
        nested = [
            {
                "chain": chain,
                "usd": usd,
                "percent": round(100 * (usd or 0.0) / total, 4),
                "change_24h": _change(usd, prev),
            }
            for chain, (usd, prev) in sorted(on.items(), key=lambda item: -(item[1][0] or 0.0))
        ]
        fields = {"stablecoin": coin.symbol, "name": coin.name, "chains": nested, "total_usd": total}
        found.append(kept.row(coin.id, fields, {"stablecoin": names_of(coin)}))
    found.sort(key=lambda row: -cast(float, row.fields["total_usd"]))
    return found


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    return {
        "headers": HEADERS,
        "rows": raw(selection),
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": {"chains": params.own.chains, "period": params.own.period},
    }


def _check(chains: Collection[str], known: Collection[str]) -> None:
    for chain in chains:
        if chain not in known and chain not in DEFAULT_CHAINS:
            raise BadParameter(
                "unknown_value", "chains", f"no stablecoin is on {shown(chain)}; there are {listed(sorted(known))}"
            )


def _change(usd: float | None, before: float | None) -> float | None:
    """How the supply has changed, in percent; None if there was nothing, or nobody knows."""
    return None if usd is None or not before else round(100 * (usd / before - 1), 4)


SPEC = Spec(
    path=PATH,
    about="where each stablecoin is, by blockchain",
    example='filters={"chain":"ethereum"}&sort_by=usd&sort_order=desc&page=1&page_size=10'
    "&start_time=1719878400000&end_time=1719882000000&time_field=timestamp",
    own=frozenset({"chains", "period"}),
    read=read,
    load=load,
    envelope=envelope,
)
