"""What we ask OKX for. A topic is written channel:instId or channel:instType, as in mark-price:BTC-USDT-SWAP."""

from collections.abc import Sequence

import msgspec

from daemon.wire.numbers import batches
from daemon.wire.okx_contracts import from_symbol

INST_TYPES = frozenset(("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "ANY"))


def topic_of(channel: str, inst_id: str, inst_type: str) -> str:
    """The topic that an `arg` means."""
    return f"{channel}:{inst_id or inst_type}"


def arg_of(topic: str) -> dict[str, str]:
    """The `arg` of a topic."""
    channel, _, target = topic.partition(":")
    if not target:
        return {"channel": channel}
    return {"channel": channel, ("instType" if target in INST_TYPES else "instId"): target}


def mark_topic(symbol: str) -> str:
    """Mark price of one instrument."""
    return f"mark-price:{from_symbol(symbol)}"


def funding_topic(symbol: str) -> str:
    """Predicted and settled funding of one instrument."""
    return f"funding-rate:{from_symbol(symbol)}"


def open_interest_topic(symbol: str) -> str:
    """Open interest of one instrument."""
    return f"open-interest:{from_symbol(symbol)}"


def liquidation_topic(inst_type: str = "SWAP") -> str:
    """Liquidations of all instruments of a type: one instrument alone is refused, beside a type it is dropped."""
    return f"liquidation-orders:{inst_type}"


def instruments_topic(inst_type: str = "SWAP") -> str:
    """The contracts of a type: all of them at once, then changes."""
    return f"instruments:{inst_type}"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics; the ids count up from `request_id`."""
    return _requests("subscribe", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    return _requests("unsubscribe", topics, request_id)


def _requests(op: str, topics: Sequence[str], request_id: int) -> list[str]:
    """64 KB of arguments a request, and one request counts once whatever its length: as few as possible."""
    return [
        msgspec.json.encode(
            {"id": str(request_id + place), "op": op, "args": [arg_of(topic) for topic in batch]}
        ).decode()
        for place, batch in enumerate(batches(topics, most=700, characters=30_000))
    ]
