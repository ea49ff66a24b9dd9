"""A message and short patience, as the sink tests use them."""

from rules.alerts import Change, Severity
from sinks.base import Message
from sinks.post import Patience

HURRY = Patience(connect_s=0.3, answer_s=0.4)

WARNING = Message(
    headline="WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)",
    lines=("held 5m, next settlement in 1h12m",),
    footer="rule hot-funding",
    severity=Severity.WARNING,
    change=Change.FIRED,
)
CLEARED = Message(
    headline="CLEARED  binance BTC-USDT-PERP: longs pay shorts 0.0211% per 8 h",
    lines=("lasted 14m, peak 0.0975% per 8 h",),
    footer="rule hot-funding",
    severity=Severity.WARNING,
    change=Change.CLEARED,
)
HOSTILE = Message(headline="<b>1 < 2 & 3 > 2</b> <!channel>", lines=("a\x1b[31m\nb", "&lt;"), footer="</i>")
