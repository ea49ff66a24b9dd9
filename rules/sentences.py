"""What a rule kind has to say about one alert, before any sink has dressed it."""

import msgspec


class Sentences(msgspec.Struct, frozen=True):
    """The kind's own words. Severity, times, how long it has held and the rule's id are said by the renderer."""

    headline: str  # `binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)`
    details: tuple[str, ...] = ()  # `next settlement in 1h12m`; the first shares a line with how long it has held
    peak: str = ""  # the episode's extreme in the kind's unit: `0.0975% per 8 h`; empty: the bare number is shown
