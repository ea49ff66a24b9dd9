"""Contracts as they stand now: what an upstream answered, and what our own streams have said since."""

import msgspec

from daemon.server.sources import Sources
from daemon.upstream.records import Contract
from daemon.wire.numbers import DOLLARS


def newest(sources: Sources, contract: Contract) -> Contract:
    """The contract with the rate, mark price and open interest of our streams where those are newer; `at_ms` is theirs."""
    live = sources.views.futures.get(contract.venue, contract.symbol)
    if live is None:
        return contract
    said: dict[str, object] = {}
    mark, at_ms = contract.mark, contract.at_ms
    if live.mark is not None and live.mark.at_ms >= contract.at_ms:
        mark = said["mark"] = live.mark.price
        at_ms = live.mark.at_ms
    if live.funding is not None and live.funding.at_ms >= contract.at_ms:
        at_ms = max(at_ms, live.funding.at_ms)
        said["funding_rate"] = live.funding.rate
        said["funding_interval_h"] = live.funding.interval_h
        said["next_funding_ms"] = live.funding.settles_at_ms or contract.next_funding_ms
    if live.open_interest is not None and live.open_interest.at_ms >= contract.at_ms:
        base, usd = live.open_interest.oi_base, live.open_interest.oi_usd
        if usd is None and mark is not None and contract.symbol.split("-")[1] in DOLLARS:
            usd = base * mark
        if usd is not None:
            said["oi_base"], said["oi_usd"] = base, usd
            at_ms = max(at_ms, live.open_interest.at_ms)
    return msgspec.structs.replace(contract, at_ms=at_ms, **said) if said else contract
