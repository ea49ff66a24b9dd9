"""The frames of Coinlocally's private stream as they travel: the venue's short names, every number as text or number."""

import msgspec

Number = float | str | None
Id = int | str | None


class Coin(msgspec.Struct, gc=False):
    """One coin of a balance."""

    c: str
    an: Number = None
    la: Number = None
    pn: Number = None


class Held(msgspec.Struct, gc=False):
    """A position."""

    id: Id = None
    cid: Id = None
    pt: Id = None
    cn: str | None = None
    con: str | None = None
    l: Number = None  # noqa: E741 - the venue's name
    pv: Number = None
    op: Number = None
    rp: Number = None
    hm: Number = None
    ra: Number = None
    s: str | None = None
    mr: Number = None
    oa: Number = None
    ccv: Number = None


class Account(msgspec.Struct, gc=False):
    """What changed: balances, and perhaps a position."""

    et: str | None = None
    a: list[Coin] | None = None
    p: Held | None = None


class Row(msgspec.Struct, gc=False):
    """How near one position is to its forced reduction."""

    id: Id = None
    al: Number = None
    rp: Number = None
    ha: Number = None
    mr: Number = None
    bo: Number = None
    so: Number = None
    lt: Number = None
    tp: Number = None


class Oto(msgspec.Struct, gc=False, rename="camel"):
    """The orders that come with another one."""

    taker_profit_status: bool | int | str | None = None
    taker_profit_trigger: Number = None
    taker_profit_price: Number = None
    taker_profit_trigger_id: Id = None
    stop_loss_status: bool | int | str | None = None
    stop_loss_trigger: Number = None
    stop_loss_price: Number = None
    stop_loss_trigger_id: Id = None


class Order(msgspec.Struct, gc=False, rename="camel"):
    """An order."""

    order_id: Id = None
    contract_id: Id = None
    contract_name: str | None = None
    symbol: str | None = None
    contract_side: str | None = None
    type: Id = None
    price: Number = None
    price_precision: Id = None
    deal_volume: Number = None
    volume: Number = None
    avg_price: Number = None
    oto_order: Oto | None = None
    order_action: Id = None


class Trigger(msgspec.Struct, gc=False, rename="camel"):
    """An order that waits for a price."""

    trigger_order_id: Id = None
    contract_name: str | None = None  # not in the sample; told if it comes
    type: Id = None
    side: str | None = None
    trigger_price: Number = None
    price: Number = None
    volume: Number = None
    trigger_type: Id = None
    ctime: Id = None
    expire_time: Id = None
    order_action: Id = None


class Frame(msgspec.Struct, gc=False):
    """Any frame; `channel` says which of the rest is there."""

    channel: str | None = None
    uid: Id = None
    t: Id = None
    et: str | None = None
    d: Account | None = None
    l: list[Row] | None = None  # noqa: E741 - the venue's name
    order: Order | None = None
    trig_order: Trigger | None = msgspec.field(name="trigOrder", default=None)
    pong: Number = None
