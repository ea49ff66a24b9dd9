"""Hyperliquid: mark price, hourly funding and open interest, a topic a coin. It tells nobody of liquidations."""

import logging

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Hyperliquid as Config
from daemon.sources.listing import Listed, chosen, named, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.upstream.limits import Budget
from daemon.wire import hyperliquid as rest
from daemon.wire import hyperliquid_stream as wire
from rules.events import FundingRate, MarkPrice, OpenInterest
from rules.selection import Selection

log = logging.getLogger(__name__)

KINDS = (MarkPrice, FundingRate, OpenInterest)
BUDGET = Budget(weight=1_000, per_s=60)  # shared with the tables: 1,200 a minute and address
WEIGHT = 20
MOVES_WITHIN_S = 60.0


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if anything it carries is wanted: one connection, of the ten that an address may have."""
    if not context.wanted.any_of(KINDS, venue=rest.VENUE):
        return []
    client = context.http.client(config.rest_url, budget=BUDGET)

    async def ask() -> list[str]:
        body = await client.post(config.rest_url + rest.INFO, question=rest.QUESTION, weight=WEIGHT)
        return named((row.coin for row in rest.decode_contexts(body)), rest.to_symbol)

    listed = Listed(ask, context.clock)

    async def script() -> Script:
        return Script(dialect=wire, reader=wire.Decoder(), first=_plan(context, await listed.symbols()))

    return [
        Stream(
            name="hyperliquid.market",
            venue=rest.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(context.wanted, KINDS, context.once),
            script=script,
            timing=timing or Timing(sends_per_s=wire.SENDS_PER_S),
        )
    ]


def _plan(context: Context, listed: list[str]) -> Plan:
    wishes: list[Selection] = []
    wanted: set[str] = set()
    for kind in KINDS:
        which = context.wanted.selection(kind, venue=rest.VENUE)
        if which is not None:
            wishes.append(which)
            wanted.update(chosen(which, listed))
    topics = [wire.context_topic(symbol) for symbol in sorted(wanted)]
    if len(topics) > wire.SUBSCRIPTIONS_MAX:
        log.warning(
            "more coins are wanted than Hyperliquid lets one address hear",
            extra={"wanted": len(topics), "left_out": topics[wire.SUBSCRIPTIONS_MAX :][:10]},
        )
        topics = topics[: wire.SUBSCRIPTIONS_MAX]
    return Plan(
        topics=topics,
        moving=frozenset(topics),
        moves=frozenset(KINDS),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
