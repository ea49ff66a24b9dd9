"""What a venue says to one trader about his own account. Private: only a rule or the account's own key may show it."""

from hashlib import blake2b
from typing import Annotated, ClassVar

import msgspec

from rules.event import Event, Ms, Price, Side, Symbol, Venue

Account = Annotated[str, msgspec.Meta(description="whose account, by the name that the configuration gives it")]
Uid = Annotated[int, msgspec.Meta(description="the account's number at the venue")]


class Balance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One coin of an account; amounts in that coin."""

    coin: str
    available: float | None = None
    frozen: float | None = None  # held for orders
    isolated: float | None = None  # margin of isolated positions


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One position of an account. What the venue does not say is missing."""

    position_id: str
    contract_id: int | None = None
    contract_name: str = ""  # as the venue writes it: S-BTC-USDT
    other_name: str | None = None  # the venue's second name for it: BTCUSDT-EXUSD
    symbol: str = ""
    side: Side | None = None
    is_isolated: bool | None = None
    leverage: float | None = None
    quantity: float | None = None  # contracts, as the venue counts them; 0: it is closed
    entry_price: float | None = None
    liquidation_price: float | None = None  # where the venue reduces it; absurd values of safe positions stay as sent
    margin: float | None = None
    margin_ratio: float | None = None  # fraction
    realised: float | None = None  # profit and loss
    opening_margin: float | None = None
    closable: float | None = None  # contracts not bound in closing orders


class AccountUpdate(Event, frozen=True, kw_only=True, tag="account_update"):
    """Balances, and a position if one changed."""

    venue: Venue
    account: Account
    uid: Uid | None = None
    cause: Annotated[str, msgspec.Meta(description="the venue's word for why: CREATE, ...")]
    balances: Annotated[tuple[Balance, ...], msgspec.Meta(description="one entry a coin")] = ()
    position: Annotated[Position | None, msgspec.Meta(description="the position that changed")] = None

    IS_PRIVATE: ClassVar[bool] = True
    UNQUOTED: ClassVar[tuple[str, ...]] = ("balances", "position")
    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {
        "position_id": ("text", "the venue's number for the position that changed; empty: none did"),
        "position_symbol": ("text", "its instrument"),
        "margin_ratio": ("fraction", "the venue's margin rate of that position; 0 when it is closed"),
    }

    @property
    def position_id(self) -> str:
        return "" if self.position is None else self.position.position_id

    @property
    def position_symbol(self) -> str:
        return "" if self.position is None else self.position.symbol

    @property
    def margin_ratio(self) -> float | None:
        if self.position is None:
            return None
        return 0.0 if self.position.quantity == 0 else self.position.margin_ratio

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.account


class AdlUpdate(Event, frozen=True, kw_only=True, gc=False, tag="adl_update"):
    """How near one open position is to being reduced by force; about once a second while it is open."""

    venue: Venue
    account: Account
    uid: Uid | None = None
    position_id: Annotated[str, msgspec.Meta(description="the venue's number for the position")]
    symbol: Annotated[str, msgspec.Meta(description="the instrument; empty until the account told which it is")] = ""
    side: Annotated[Side, msgspec.Meta(description="the position's side, once the account told")] | None = None
    is_open: Annotated[bool, msgspec.Meta(description="false once, when the position is gone")] = True
    level: Annotated[int, msgspec.Meta(description="rank in the queue of forced reduction; higher is nearer")]
    liquidation_price: Annotated[Price, msgspec.Meta(description="where the venue reduces it")] | None = None
    margin: Annotated[float, msgspec.Meta(description="margin held for it", extra={"unit": "coin"})] | None = None
    margin_ratio: (
        Annotated[float, msgspec.Meta(description="the venue's margin rate of it", extra={"unit": "fraction"})] | None
    ) = None
    bid: Annotated[Price, msgspec.Meta(description="best price to sell at")] | None = None
    ask: Annotated[Price, msgspec.Meta(description="best price to buy at")] | None = None
    last: Annotated[Price, msgspec.Meta(description="price of the latest trade")] | None = None
    mark_price: Annotated[Price, msgspec.Meta(description="by which the position is valued")] | None = None

    IS_PRIVATE: ClassVar[bool] = True
    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {
        "distance": ("fraction", "from the mark price to the forced reduction, never negative")
    }

    @property
    def distance(self) -> float | None:
        """How far the mark may still move against the position, as a fraction of it; 0 beyond; None without prices."""
        mark, limit = self.mark_price, self.liquidation_price
        if not mark or limit is None:
            return None
        if limit <= 0 or self.side is None:  # a safe position's price is absurd, and its sign means nothing
            return abs(mark - limit) / mark
        return max(0.0, (mark - limit if self.side == "long" else limit - mark) / mark)

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class Attached(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order that comes with another one, and closes what that one opens."""

    is_set: bool = False
    trigger_price: float | None = None
    price: float | None = None  # 0: at the market
    trigger_order_id: str | None = None


class OrderUpdate(Event, frozen=True, kw_only=True, gc=False, tag="order_update"):
    """One of the trader's orders changed. `state` is what the sizes and the venue's action say."""

    venue: Venue
    account: Account
    symbol: Symbol
    order_id: Annotated[str, msgspec.Meta(description="the venue's number for the order")]
    contract_id: Annotated[int, msgspec.Meta(description="the venue's number for the contract")] | None = None
    contract_name: Annotated[str, msgspec.Meta(description="the contract as the venue writes it")] = ""
    state: Annotated[str, msgspec.Meta(description="open, partly_filled, filled or cancelled")]
    action: Annotated[str, msgspec.Meta(description="the venue's own code for what happened")]
    side: Annotated[str, msgspec.Meta(description="as the venue writes it")] = ""
    kind: Annotated[int, msgspec.Meta(description="the venue's number for the type of order")] | None = None
    price: Annotated[Price, msgspec.Meta(description="the order's limit")] | None = None
    quantity: Annotated[float, msgspec.Meta(description="contracts ordered", extra={"unit": "contracts"})] | None = None
    filled: Annotated[float, msgspec.Meta(description="contracts filled so far", extra={"unit": "contracts"})] = 0.0
    average_price: Annotated[Price, msgspec.Meta(description="of what was filled; 0 while nothing was")] = 0.0
    price_decimals: Annotated[int, msgspec.Meta(description="digits after the point of the contract's prices")] = 0
    take_profit: Annotated[Attached | None, msgspec.Meta(description="the order that takes profit")] = None
    stop_loss: Annotated[Attached | None, msgspec.Meta(description="the order that stops the loss")] = None

    IS_PRIVATE: ClassVar[bool] = True
    UNQUOTED: ClassVar[tuple[str, ...]] = ("take_profit", "stop_loss")

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str:
        return _fingerprint(self)


class TriggerOrderUpdate(Event, frozen=True, kw_only=True, gc=False, tag="trigger_order_update"):
    """An order that waits for a price changed."""

    venue: Venue
    account: Account
    symbol: Annotated[str, msgspec.Meta(description="the instrument; empty where nothing told which it is")] = ""
    order_id: Annotated[str, msgspec.Meta(description="the venue's number for the order")]
    state: Annotated[str, msgspec.Meta(description="waiting, triggered, cancelled, or unknown")]
    action: Annotated[str, msgspec.Meta(description="the venue's own code for what happened")]
    kind: Annotated[int, msgspec.Meta(description="the venue's number for the type of order")] | None = None
    side: Annotated[str, msgspec.Meta(description="buy or sell: of the order that would be placed")] = ""
    trigger_kind: Annotated[int, msgspec.Meta(description="the venue's number for what triggers it")] | None = None
    trigger_price: Annotated[Price, msgspec.Meta(description="where it is triggered")] | None = None
    price: Annotated[Price, msgspec.Meta(description="the limit of the order that would be placed")] | None = None
    quantity: Annotated[float, msgspec.Meta(description="contracts ordered", extra={"unit": "contracts"})] | None = None
    created_ms: Annotated[Ms, msgspec.Meta(description="when it was placed")] | None = None
    expires_ms: Annotated[Ms, msgspec.Meta(description="when it ends by itself")] | None = None

    IS_PRIVATE: ClassVar[bool] = True

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str:
        return _fingerprint(self)


def _fingerprint(order: OrderUpdate | TriggerOrderUpdate) -> str:
    """What it says, without when it came: orders carry no time of their own, and a venue repeats itself."""
    said = msgspec.json.encode(msgspec.structs.replace(order, at_ms=0, received_ms=0))
    return f"{order.venue}:{blake2b(said, digest_size=16).hexdigest()}"
