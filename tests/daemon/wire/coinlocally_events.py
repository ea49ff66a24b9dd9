"""Events of one account, generated: whatever Coinlocally's frames can carry."""

from hypothesis import strategies as st

from rules.events import AccountUpdate, AdlUpdate, Attached, Balance, Event, OrderUpdate, Position, TriggerOrderUpdate

NOW = 1_763_700_000_000
ACCOUNT, UID = "main", 374_958

amounts = st.floats(-1e12, 1e12, allow_nan=False)
sizes = st.floats(0, 1e9, allow_nan=False)
ids = st.integers(1, 2**62).map(str)
contracts = st.sampled_from(("S-BTC-USDT", "E-ETH-USDT", "H-1000PEPE-USDT", "E-BTC-USD"))


def symbol_of(contract: str) -> str:
    return f"{contract.partition('-')[2]}-PERP"


def maybe(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | numbers


balances = st.builds(
    Balance,
    coin=st.sampled_from(("USDT", "BTC", "EXUSD")),
    available=maybe(amounts),
    frozen=maybe(sizes),
    isolated=maybe(sizes),
)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    contract = draw(contracts)
    return Position(
        position_id=draw(ids),
        contract_id=draw(st.integers(1, 10_000)),
        contract_name=contract,
        other_name=draw(st.none() | st.just("BTCUSDT-EXUSD")),
        symbol=symbol_of(contract),
        side=draw(st.sampled_from((None, "long", "short"))),
        is_isolated=draw(st.sampled_from((None, True, False))),
        leverage=draw(maybe(sizes)),
        quantity=draw(maybe(sizes)),
        entry_price=draw(maybe(sizes)),
        liquidation_price=draw(maybe(amounts)),
        margin=draw(maybe(amounts)),
        margin_ratio=draw(maybe(amounts)),
        realised=draw(maybe(amounts)),
        opening_margin=draw(maybe(amounts)),
        closable=draw(maybe(sizes)),
    )


updates = st.builds(
    AccountUpdate,
    venue=st.just("coinlocally"),
    account=st.just(ACCOUNT),
    uid=st.just(UID),
    cause=st.sampled_from(("CREATE", "UPDATE", "")),
    balances=st.lists(balances, max_size=3).map(tuple),
    position=st.none() | positions(),
    at_ms=st.integers(NOW, NOW + 10**9),
    received_ms=st.just(NOW),
)


def attached() -> st.SearchStrategy[Attached]:
    return st.builds(
        Attached,
        is_set=st.booleans(),
        trigger_price=maybe(sizes),
        price=maybe(sizes),
        trigger_order_id=st.none(),  # one would teach the decoder of which contract a trigger order is
    )


@st.composite
def orders(draw: st.DrawFn) -> OrderUpdate:
    contract = draw(contracts)
    quantity = draw(st.floats(1, 1e6))
    state, filled, action = draw(
        st.sampled_from((("open", 0.0, "1"), ("partly_filled", quantity / 2, "3"), ("filled", quantity, "2")))
        | st.just(("cancelled", 0.0, "4"))
        | st.just(("open", 0.0, "never heard of"))
    )
    return OrderUpdate(
        venue="coinlocally",
        account=ACCOUNT,
        symbol=symbol_of(contract),
        order_id=draw(ids),
        contract_id=draw(st.integers(1, 10_000)),
        contract_name=contract,
        state=state,
        action=action,
        side=draw(st.sampled_from(("BUY", "SELL", "xxx", ""))),
        kind=draw(st.integers(0, 9)),
        price=draw(maybe(sizes)),
        quantity=quantity,
        filled=filled,
        average_price=draw(sizes),
        price_decimals=draw(st.integers(0, 9)),
        take_profit=draw(attached()),
        stop_loss=draw(attached()),
        at_ms=NOW,
        received_ms=NOW,
    )


@st.composite
def triggers(draw: st.DrawFn) -> TriggerOrderUpdate:
    state, action = draw(
        st.sampled_from((("waiting", "1"), ("triggered", "2"), ("cancelled", "4"), ("unknown", "99"), ("unknown", "")))
    )
    return TriggerOrderUpdate(
        venue="coinlocally",
        account=ACCOUNT,
        order_id=draw(ids),
        state=state,
        action=action,
        kind=draw(st.integers(0, 9)),
        side=draw(st.sampled_from(("buy", "sell"))),
        trigger_kind=draw(st.integers(0, 9)),
        trigger_price=draw(maybe(sizes)),
        price=draw(maybe(sizes)),
        quantity=draw(maybe(sizes)),
        created_ms=draw(st.integers(NOW - 10**9, NOW)),
        expires_ms=draw(st.none() | st.integers(NOW, NOW + 10**9)),
        at_ms=NOW,
        received_ms=NOW,
    )


@st.composite
def rows(draw: st.DrawFn) -> list[Event]:
    """All positions of one second; of which contracts they are, no earlier frame has told."""
    return [
        AdlUpdate(
            venue="coinlocally",
            account=ACCOUNT,
            uid=UID,
            position_id=position_id,
            level=draw(st.integers(0, 5)),
            liquidation_price=draw(maybe(amounts)),
            margin=draw(maybe(sizes)),
            margin_ratio=draw(maybe(amounts)),
            bid=draw(maybe(sizes)),
            ask=draw(maybe(sizes)),
            last=draw(maybe(sizes)),
            mark_price=draw(maybe(sizes)),
            at_ms=NOW,
            received_ms=NOW,
        )
        for position_id in draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    ]


facts: st.SearchStrategy[list[Event]] = st.lists(st.one_of(updates, orders(), triggers()), min_size=1, max_size=4)
