"""The rows of CoinDesk Data as they travel: one shape with every field that any of our calls has."""

from typing import TypeVar

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.trouble import brief

Number = float | str | None
T = TypeVar("T")


class Row(msgspec.Struct, gc=False, rename="upper", omit_defaults=True):
    """A row of any of our calls, of the latest values or of a bucket of history."""

    instrument: str = ""
    mapped_instrument: str = ""
    timestamp: int = 0
    interval_ms: Number = None
    price: Number = None
    price_last_update_ts: int | None = None
    moving_24_hour_volume: Number = None
    moving_24_hour_quote_volume: Number = None
    value: Number = None
    value_last_update_ts: int | None = None
    current_hour_change: Number = None
    current_day_change: Number = None
    moving_24_hour_change: Number = None
    value_settlement: Number = None
    value_mark_price: Number = None
    value_quote: Number = None
    last_update_ts: int | None = None
    close: Number = None
    volume: Number = None
    quote_volume: Number = None
    close_settlement: Number = None
    close_mark_price: Number = None
    close_quote: Number = None


class Mapped(msgspec.Struct, gc=False, rename="upper"):
    quote_currency: str = ""
    denomination_type: str = ""


class Contract(msgspec.Struct, gc=False, rename="upper"):
    instrument: str = ""
    instrument_status: str = ""
    instrument_mapping: Mapped | None = None
    has_funding_rate_updates: bool | None = None
    contract_expiration_ts: int | None = None


class Exchange(msgspec.Struct, gc=False, rename="upper"):
    name: str = ""
    logo_url: str | None = None
    instruments: dict[str, Contract] | None = msgspec.field(name="instruments", default=None)


class Trouble(msgspec.Struct, gc=False):
    message: str = ""
    type: int | None = None
    other_info: object = None


class Envelope(msgspec.Struct, gc=False, rename="pascal"):
    data: msgspec.Raw = msgspec.Raw()
    err: Trouble | None = None


class Windows(msgspec.Struct, gc=False, rename="upper"):
    second: int | None = None
    minute: int | None = None
    hour: int | None = None
    day: int | None = None
    month: int | None = None


class Usage(msgspec.Struct, gc=False, rename="upper"):
    max: Windows | None = None
    remaining: Windows | None = None


class Limits(msgspec.Struct, gc=False, rename="upper"):
    api_key: Usage | None = None
    auth_key: Usage | None = None


_envelope = msgspec.json.Decoder(Envelope)


def read(body: bytes, decoder: msgspec.json.Decoder[T], empty: T) -> T:
    """What is in `Data`. Unreadable if it cannot be read, or if `Err` says no and there is nothing in it.

    An answer may have both: rows, and an error about the instruments that it does not know.
    """
    try:
        envelope = _envelope.decode(body)
        data = decoder.decode(envelope.data) if bytes(envelope.data).strip() not in _EMPTY else empty
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"CoinDesk sent an answer that cannot be read: {brief(exc)}") from exc
    trouble = envelope.err
    if trouble is not None and (trouble.message or trouble.type is not None) and not data:
        raise Unreadable(f"CoinDesk refused: {brief(trouble.message or f'type {trouble.type}')}")
    return data


_EMPTY = frozenset((b"", b"{}", b"[]", b"null"))  # an error may carry {} where a list is due
