"""What Coinlocally's page prints of its private stream, and how it is packed and read."""

import gzip
import json

from daemon.wire import coinlocally as wire
from rules.events import (
    Event,
)
from tests.daemon.wire.coinlocally_events import ACCOUNT, NOW

POSITION = {
    "id": 90762,
    "cid": 127,
    "pt": 1,
    "cn": "S-BTC-USDT",
    "con": "BTCUSDT-EXUSD",
    "l": 20,
    "pv": 12,
    "op": 98533.6,
    "rp": 68000.3,
    "hm": 98.22,
    "ra": 2,
    "s": "BUY",
    "mr": 0.0847,
    "oa": 0.0847,
    "ccv": 2,
}
UPDATE = {
    "channel": "ACCOUNT_UPDATE",
    "uid": 1001,
    "t": "1564745798938",
    "d": {
        "et": "CREATE",
        "a": [
            {"c": "USDT", "an": "122624.12345678", "la": "100.12345678", "pn": "50.12345678"},
            {"c": "BTC", "an": "122624.12345678", "la": "100.12345678", "pn": "50.12345678"},
        ],
        "p": POSITION,
    },
}
ORDER = {
    "channel": "order",
    "order": {
        "orderId": "2094043912705377045",
        "contractId": 127,
        "contractName": "E-BTC-USDT",
        "symbol": "BTC-USDT",
        "contractSide": "xxx",
        "type": 1,
        "price": 61001,
        "pricePrecision": 3,
        "dealVolume": 0,
        "volume": 100,
        "avgPrice": 0,
        "otoOrder": {
            "takerProfitStatus": False,
            "takerProfitTrigger": 61001,
            "takerProfitPrice": 0,
            "takerProfitTriggerId": None,
            "stopLossStatus": False,
            "stopLossTrigger": 61004,
            "stopLossPrice": 0,
            "stopLossTriggerId": None,
        },
        "orderAction": "1",
    },
}
TRIGGER = {
    "channel": "trigOrder",
    "trigOrder": {
        "triggerOrderId": "1322738336974712854",
        "type": 1,
        "side": "buy",
        "triggerPrice": 61001,
        "price": 61003,
        "volume": 10,
        "triggerType": 3,
        "ctime": 1709550135000,
        "expireTime": 1710759735000,
        "orderAction": "1",
    },
}
ADL = {
    "uid": 374958,
    "channel": "ADL_PRICE",
    "l": [
        {
            "mr": 0.0083629621201431,
            "lt": 85718.4,
            "ha": 0.0718829844033338,
            "al": 2,
            "id": 2833456,
            "so": 85709.3,
            "tp": 85717.0183,
            "bo": 85709.2,
            "rp": 85405.8479,
        }
    ],
}


def zipped(text: bytes) -> bytes:
    """The same bytes at any time of the day."""
    return gzip.compress(text, mtime=0)


def packed(message: object) -> bytes:
    return zipped(json.dumps(message).encode())


def read(*messages: object, decoder: wire.Decoder | None = None, at_ms: int = NOW) -> list[Event]:
    """The events of these frames, as one subscribed connection hears them."""
    decoder = decoder or wire.Decoder(ACCOUNT)
    decoder.decode(wire.SUBSCRIBED, at_ms)
    found: list[Event] = []
    for message in messages:
        heard = decoder.decode(packed(message), at_ms)
        found += heard if isinstance(heard, (tuple, list)) else ()
    return found
