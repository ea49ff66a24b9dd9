"""What a venue says to one trader about his own account. Private: only a rule or the account's own key may show it."""

from typing import Annotated, ClassVar

import msgspec

from rules.event import Event, Ms, Price, Side, Symbol, Taker, Venue

Account = Annotated[str, msgspec.Meta(description="whose account, by the venue's number")]


class Balance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One coin of an account; amounts in that coin."""

    coin: str
    available: float
    frozen: float  # held for orders
    isolated: float  # margin of isolated positions


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One position of an account. What the venue does not say is missing."""

    position_id: str
    contract_id: int
    contract_name: str  # as the venue writes it: S-BTC-USDT
    other_name: str | None = None  # the venue's second name for it: BTCUSDT-EXUSD
    symbol: str
    side: Side
    is_isolated: bool
    leverage: float
    quantity: float  # contracts, as the venue counts them
    entry_price: float
    liquidation_price: float | None = None  # where the venue reduces it; absurd values of safe positions stay as sent
    margin: float | None = None
    margin_ratio: float | None = None  # fraction
    realised: float | None = None
    opening_margin: float | None = None
    closable: float | None = None  # contracts not bound in closing orders


class AccountUpdate(Event, frozen=True, kw_only=True, tag="account_update"):
    """Balances, and a position if one changed."""

    venue: Venue
    account: Account
    cause: Annotated[str, msgspec.Meta(description="the venue's word for why: CREATE, ...")]
    balances: Annotated[tuple[Balance, ...], msgspec.Meta(description="one entry a coin")] = ()
    position: Annotated[Position | None, msgspec.Meta(description="the position that changed")] = None

    IS_PRIVATE: ClassVar[bool] = True

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.account


class AdlUpdate(Event, frozen=True, kw_only=True, gc=False, tag="adl_update"):
    """How near one open position is to being reduced by force; about once a second while it is open."""

    venue: Venue
    account: Account
    position_id: Annotated[str, msgspec.Meta(description="the venue's number for the position")]
    symbol: Annotated[str, msgspec.Meta(description="the instrument; empty until the account told which it is")] = ""
    side: Annotated[Side, msgspec.Meta(description="the position's side, once the account told")] | None = None
    level: Annotated[int, msgspec.Meta(description="rank in the queue of forced reduction; higher is nearer")]
    liquidation_price: Annotated[Price, msgspec.Meta(description="where the venue reduces it")]
    margin: Annotated[float, msgspec.Meta(description="margin held for it", extra={"unit": "coin"})]
    margin_ratio: Annotated[
        float, msgspec.Meta(description="the venue's margin rate of the position", extra={"unit": "fraction"})
    ]
    bid: Annotated[Price, msgspec.Meta(description="best price to sell at")]
    ask: Annotated[Price, msgspec.Meta(description="best price to buy at")]
    last: Annotated[Price, msgspec.Meta(description="price of the latest trade")]
    mark_price: Annotated[Price, msgspec.Meta(description="by which the position is valued")]

    IS_PRIVATE: ClassVar[bool] = True
    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {
        "distance": ("fraction", "from the mark price to the forced reduction, never negative")
    }

    @property
    def distance(self) -> float | None:
        """How far the mark may still move against the position, as a fraction of it; None without a mark."""
        return abs(self.mark_price - self.liquidation_price) / self.mark_price if self.mark_price else None

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class OrderUpdate(Event, frozen=True, kw_only=True, gc=False, tag="order_update"):
    """One of the trader's orders changed. `state` is what the sizes and the venue's action say."""

    venue: Venue
    account: Account
    symbol: Symbol
    order_id: Annotated[str, msgspec.Meta(description="the venue's number for the order")]
    contract_id: Annotated[int, msgspec.Meta(description="the venue's number for the contract")]
    contract_name: Annotated[str, msgspec.Meta(description="the contract as the venue writes it")]
    state: Annotated[str, msgspec.Meta(description="open, partly_filled, filled or cancelled")]
    action: Annotated[str, msgspec.Meta(description="the venue's own code for what happened")]
    side: Annotated[str, msgspec.Meta(description="as the venue writes it")] = ""
    kind: Annotated[int, msgspec.Meta(description="the venue's number for the type of order")]
    price: Annotated[Price, msgspec.Meta(description="the order's limit")]
    quantity: Annotated[float, msgspec.Meta(description="contracts ordered", extra={"unit": "contracts"})]
    filled: Annotated[float, msgspec.Meta(description="contracts filled so far", extra={"unit": "contracts"})]
    average_price: Annotated[Price, msgspec.Meta(description="of what was filled; 0 while nothing was")] = 0.0
    price_decimals: Annotated[int, msgspec.Meta(description="digits after the point of the contract's prices")] = 0
    take_profit_price: Annotated[Price, msgspec.Meta(description="trigger of the order that takes profit")] | None = (
        None
    )
    stop_loss_price: Annotated[Price, msgspec.Meta(description="trigger of the order that stops the loss")] | None = (
        None
    )

    IS_PRIVATE: ClassVar[bool] = True

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class TriggerOrderUpdate(Event, frozen=True, kw_only=True, gc=False, tag="trigger_order_update"):
    """An order that waits for a price changed."""

    venue: Venue
    account: Account
    symbol: Annotated[str, msgspec.Meta(description="the instrument; empty where the venue does not say")] = ""
    order_id: Annotated[str, msgspec.Meta(description="the venue's number for the order")]
    state: Annotated[str, msgspec.Meta(description="waiting, triggered or cancelled")]
    action: Annotated[str, msgspec.Meta(description="the venue's own code for what happened")]
    kind: Annotated[int, msgspec.Meta(description="the venue's number for the type of order")]
    side: Annotated[Taker, msgspec.Meta(description="of the order that would be placed")]
    trigger_kind: Annotated[int, msgspec.Meta(description="the venue's number for what triggers it")]
    trigger_price: Annotated[Price, msgspec.Meta(description="where it is triggered")]
    price: Annotated[Price, msgspec.Meta(description="the limit of the order that would be placed")]
    quantity: Annotated[float, msgspec.Meta(description="contracts ordered", extra={"unit": "contracts"})]
    created_ms: Annotated[Ms, msgspec.Meta(description="when it was placed")]
    expires_ms: Annotated[Ms, msgspec.Meta(description="when it ends by itself")]

    IS_PRIVATE: ClassVar[bool] = True

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol
