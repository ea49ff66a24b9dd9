"""A message, a picture and patience, as the sink tests use them."""

import struct
import zlib

from rules.alerts import Change, Severity
from sinks.base import Message, Picture
from sinks.post import Patience
from tests.patience import PATIENCE_S

HURRY = Patience(connect_s=PATIENCE_S, answer_s=0.4)  # where no answer will come
NOWHERE = Patience(connect_s=0.3, answer_s=PATIENCE_S)  # where no connection will

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


def png(width: int = 640, height: int = 360) -> bytes:
    """A white picture of that size."""
    row = b"\0" + b"\xff" * width

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(row * height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


CHART = Picture(png(), "binance BTC-USDT-PERP rate, the last 6 h, limit 0.05%")
