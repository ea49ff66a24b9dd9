"""What the market says of one coin, from what the house has heard."""

import re
from collections import defaultdict

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from rules import spelling
from rules.events import FundingRate, Liquidation, StablecoinQuote
from rules.instruments import coin_of
from rules.units import duration_ms, say_money, say_price, say_rate, say_share
from sinks.wording import say_length
from storage.log import events_in_time
from storage.newest import newest_quotes, newest_rates

LONGEST_MS = 86_400_000
PEG_DIGITS_MAX = 9
_NAME = re.compile(r"[^\W_][\w/-]{0,39}")  # coins are called in any script


async def funding(facts: Facts, asked: Asked) -> list[str]:
    """The predicted rate of every perpetual of a coin, the highest first."""
    coin = _perpetual(asked)
    views = facts.views()
    if views is None:  # no tables are served, so nobody follows it; what rules want is in the log
        found = await newest_rates(facts.database, coin, facts.clock() - LONGEST_MS)
    else:
        rates = (one.funding for one in views.futures.all())
        found = [rate for rate in rates if rate is not None and coin_of(rate.symbol) == coin]
    now_ms = facts.clock()
    return [
        line(f"{_said(rate)}, {rate.symbol}, {say_length(max(0, now_ms - rate.at_ms))} ago", head=rate.venue)
        for rate in sorted(found, key=lambda rate: (-rate.rate_8h, rate.venue, rate.symbol))
    ] or [line(f"No funding of {coin} was heard; is it among server.live, or in a rule?")]


async def liquidations(facts: Facts, asked: Asked) -> list[str]:
    """What was liquidated of a coin, by side, with the largest."""
    coin, length = _perpetual(asked, most=2), asked.words[1] if len(asked.words) > 1 else "1h"
    try:
        length_ms = duration_ms(length)
    except (ValueError, OverflowError):
        raise Wrong(f"{length} is no length of time.") from None
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
        return [line(f"No liquidation of {coin} was heard in the last {length}.")]
    return [
        line(f"liquidations in the last {length}", head=coin),
        *(line(f"{say_money(totals[side])} in {counts[side]:,}", head=f"{side}s") for side in sorted(totals)),
        line(f"{say_money(largest.notional_usd)} {largest.side} {largest.symbol} on {largest.venue}", head="largest"),
    ]


async def peg(facts: Facts, asked: Asked) -> list[str]:
    """What each source says a stablecoin is worth."""
    coin = _coin(asked)
    quotes = {quote.venue: quote for quote in await newest_quotes(facts.database, coin, facts.clock() - LONGEST_MS)}
    if (views := facts.views()) is not None:  # what stands in the log are samples
        quotes |= {quote.venue: quote for quote in views.pegs.quotes(coin)}
    now_ms = facts.clock()
    found = [
        line(
            f"{_worth(quote)},",
            f"{say_length(max(0, now_ms - quote.received_ms))} ago",
            head=venue,
        )
        for venue, quote in sorted(quotes.items())
    ]
    return [line("as each source says", head=coin), *found] if found else [line(f"No quote of {coin} was heard.")]


def _said(rate: FundingRate) -> str:
    """As it is paid, and per 8 h where that is something else."""
    paid = f"{say_rate(rate.rate)} per {rate.interval_h:g} h"
    return paid if rate.interval_h == 8 else f"{paid} ({say_rate(rate.rate_8h)} per 8 h)"


def _worth(quote: StablecoinQuote) -> str:
    """`0.999966, 0.0034% below its peg`: in so many digits that one sees it is off."""
    if not quote.target:
        return say_price(quote.price)
    off = quote.price - quote.target
    depth = abs(off) / quote.target
    share = say_rate(depth) if depth < 0.001 else say_share(depth)
    if share == "0%":
        return f"{say_price(quote.target)}, at its peg"
    digits = 4
    while digits < PEG_DIGITS_MAX and abs(round(quote.price, digits) - quote.price) > abs(off) / 20:
        digits += 1
    price = f"{quote.price:.{digits}f}".rstrip("0").rstrip(".")
    return f"{price}, {share} {'below' if off < 0 else 'above'} its peg"


def _perpetual(asked: Asked, *, most: int = 1) -> str:
    """The coin that is meant: by its own name, or by that of one of its instruments."""
    name = _first(asked, most).upper()
    try:
        return coin_of(spelling.symbol(name))
    except ValueError as exc:
        raise Wrong(str(exc)) from None


def _coin(asked: Asked) -> str:
    return _first(asked, 1).upper()


def _first(asked: Asked, most: int) -> str:
    if not 1 <= len(asked.words) <= most or not _NAME.fullmatch(asked.words[0]):
        raise Wrong("Name one coin.")
    return asked.words[0]
