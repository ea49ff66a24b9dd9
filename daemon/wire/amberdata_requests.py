"""What clients ask in Amberdata's language: requests one by one or in arrays, read without trusting anything."""

from typing import Any

import msgspec

BATCH_MAX = 100  # requests in one message
TROUBLE, NOT_AUTHORIZED = 400, 403  # the only two codes that are published
_LONGEST_ID = 64  # characters; longer ones are not sent back
_LARGEST_ID = 2**53  # what every client's numbers can hold

NO_WILDCARD = "not authorized to access this resource"
TOO_MANY = "Max subscription limit reached on this connection. Please open additional connections"


class Wrong(ValueError):
    """A request that cannot be taken: the sentence and the code of its answer."""

    def __init__(self, description: str, code: int = TROUBLE, request_id: object = None) -> None:
        super().__init__(description)
        self.description, self.code, self.request_id = description, code, request_id


class Call(msgspec.Struct, frozen=True):
    """One request; its parameters are still anything."""

    id: object
    method: str
    params: Any


class Wish(msgspec.Struct, frozen=True):
    """What a `subscribe` asks for; None: all of them."""

    channel: str
    instrument: str | None = None
    exchange: str | None = None


def read(text: str | bytes) -> tuple[list[Call | Wrong], bool]:
    """The requests of one message, and whether they came as an array (the answers go back as one too)."""
    if isinstance(text, bytes):
        return [Wrong("binary messages are not understood; send JSON as text")], False
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        why = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        return [Wrong(f"not JSON ({why[:120]})")], False
    if not isinstance(said, list):
        return [_call(said)], False
    if not said or len(said) > BATCH_MAX:
        return [Wrong(f"an array of requests has from 1 to {BATCH_MAX} of them")], False
    return [_call(each) for each in said], True


def _call(said: object) -> Call | Wrong:
    if not isinstance(said, dict):
        return Wrong('a request is an object: {"jsonrpc":"2.0","id":1,"method":"subscribe","params":[…]}')
    request_id, method = _echo(said.get("id")), said.get("method")
    if not isinstance(method, str):
        return Wrong("the request names no method; there are subscribe and unsubscribe", TROUBLE, request_id)
    if method not in ("subscribe", "unsubscribe"):
        shown = method[:40]
        return Wrong(f"method '{shown}' is not known; there are subscribe and unsubscribe", TROUBLE, request_id)
    return Call(request_id, method, said.get("params"))


def _echo(request_id: object) -> object:
    """An id as it may go back: what is too long or no id at all becomes null."""
    if isinstance(request_id, str):
        return request_id if len(request_id) <= _LONGEST_ID else None
    if isinstance(request_id, (int, float)) and not isinstance(request_id, bool):
        return request_id if abs(request_id) <= _LARGEST_ID else None
    return None


def read_wish(params: Any) -> Wish:
    """`[channel]` or `[channel, {instrument, exchange, period}]`. Raises Wrong."""
    if not isinstance(params, list) or not 1 <= len(params) <= 2 or not isinstance(params[0], str):
        raise Wrong('params are a channel and, if you like, a filter: ["market:futures:trades", {…}]')
    channel, wanted = params[0], params[1] if len(params) == 2 else {}
    if wanted is None:
        wanted = {}
    if not isinstance(wanted, dict):
        raise Wrong('the filter is an object: {"instrument": "BTCUSDT", "exchange": "binance"}')
    for name in wanted:
        if name not in ("instrument", "exchange", "period"):
            raise Wrong(f"'{name[:40]}' is no filter; there are instrument and exchange")
    period = wanted.get("period")
    if period not in (None, "minutely"):
        raise Wrong("the only period served is 'minutely'")
    return Wish(channel, _text(wanted, "instrument"), _text(wanted, "exchange"))


def read_subscription(params: Any) -> str:
    """`[subscription id]`. Raises Wrong."""
    if not isinstance(params, list) or len(params) != 1 or not isinstance(params[0], str):
        raise Wrong("params are the subscription's id, as it was acknowledged")
    return params[0]


def _text(wanted: dict[str, Any], name: str) -> str | None:
    value = wanted.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > 64:
        raise Wrong(f"{name} is a text of at most 64 characters")
    return value.strip()
