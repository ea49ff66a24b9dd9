"""What the market says of one coin, from what the house has heard."""

from collections import defaultdict

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from rules.events import Liquidation, StablecoinQuote
from rules.instruments import coin_of
from rules.units import duration_ms, say_duration, say_money, say_percent, say_price
from sinks.wording import say_length
from storage.log import events_in_time, query_events

LONGEST_MS = 86_400_000
HOUR_MS = 3_600_000


async def funding(facts: Facts, asked: Asked) -> list[str]:
    """The predicted rate of every perpetual of a coin, the highest first."""
    coin = _coin(asked)
    views = facts.views()
    if views is None:
        return [line("Funding is followed for the tables, and server.tables is off.")]
    found = [one.funding for one in views.futures.all() if one.funding is not None and coin_of(one.symbol) == coin]
    now_ms = facts.clock()
    return [
        line(
            f"{say_percent(rate.rate)} per {rate.interval_h:g} h ({say_percent(rate.rate_8h)} per 8 h),",
            f"{rate.symbol}, {say_length(max(0, now_ms - rate.at_ms))} ago",
            head=rate.venue,
        )
        for rate in sorted(found, key=lambda rate: -rate.rate_8h)
    ] or [line(f"No funding of {coin} was heard; is it among server.live, or in a rule?")]


async def liquidations(facts: Facts, asked: Asked) -> list[str]:
    """What was liquidated of a coin, by side, with the largest."""
    coin = _coin(asked, most=2)
    try:
        length_ms = duration_ms(asked.words[1]) if len(asked.words) > 1 else HOUR_MS
    except (ValueError, OverflowError):
        raise Wrong(f"{asked.words[1]} is no length of time.") from None
    if not 0 < length_ms <= LONGEST_MS:
        raise Wrong("At most 24h.")
    now_ms = facts.clock()
    totals: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    largest: Liquidation | None = None
    async for events in events_in_time(facts.database, {"liquidation"}, now_ms - length_ms, now_ms):
        for event in events:
            if isinstance(event, Liquidation) and coin_of(event.symbol) == coin:
                totals[event.side] += event.notional_usd
                counts[event.side] += 1
                if largest is None or event.notional_usd > largest.notional_usd:
                    largest = event
    if largest is None:
        return [line(f"No liquidation of {coin} was heard in the last {say_duration(length_ms)}.")]
    return [
        *(line(f"{say_money(totals[side])} in {counts[side]:,}", head=f"{side}s") for side in sorted(totals)),
        line(f"{say_money(largest.notional_usd)} {largest.side} {largest.symbol} on {largest.venue}", head="largest"),
    ]


async def peg(facts: Facts, asked: Asked) -> list[str]:
    """What each source says a stablecoin is worth."""
    coin = _coin(asked)
    newest: dict[str, StablecoinQuote] = {}
    for logged in await query_events(facts.database, type="stablecoin_quote", symbol=coin, limit=50):
        if isinstance(logged.event, StablecoinQuote):
            newest[logged.event.venue] = logged.event
    now_ms = facts.clock()
    return [
        line(
            f"{say_price(quote.price)},",
            "" if not quote.target else f"{say_percent(quote.price / quote.target - 1)} from its peg,",
            f"{say_length(max(0, now_ms - quote.received_ms))} ago",
            head=venue,
        )
        for venue, quote in sorted(newest.items())
    ] or [line(f"No quote of {coin} was heard.")]


def _coin(asked: Asked, *, most: int = 1) -> str:
    if not 1 <= len(asked.words) <= most or not asked.words[0].isalnum():
        raise Wrong("Name one coin.")
    return asked.words[0].upper()[:20]
