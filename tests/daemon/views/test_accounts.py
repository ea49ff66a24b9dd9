"""Accounts as they stand: open positions, all coins, this second's rows, and bounds."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.views.accounts import Accounts
from rules.events import AdlUpdate
from tests.rules.accounts import held, row, update


@given(st.lists(st.sampled_from(("1", "2", "3")), max_size=30), st.data())
def test_what_is_kept_of_an_account_is_its_open_positions(ids: list[str], data: st.DataObject) -> None:
    """Whatever comes in whatever order."""
    accounts, open_ids = Accounts(), set[str]()
    for position_id in ids:
        is_open = data.draw(st.booleans())
        accounts.observe(update(position=held(0.1, quantity=float(is_open), position_id=position_id)))
        (open_ids.add if is_open else open_ids.discard)(position_id)
    told = accounts.updates("main")

    assert open_ids == {one.position.position_id for one in told if one.position is not None}
    assert [] == accounts.updates("hedge")


def test_an_account_keeps_no_more_than_its_bound() -> None:
    accounts = Accounts()
    for number in range(1_200):
        accounts.observe(update(position=held(0.1, position_id=str(number)), coins={str(number): 1.0}))
        accounts.observe(row(position_id=str(number)))

    assert (1_000, 1_000) == (len(accounts.updates("main")), len(accounts.updates("main")[0].balances))
    assert 1_000 == len(accounts.rows("main", row().received_ms))


def test_rows_are_not_passed_off_as_fresh() -> None:
    accounts = Accounts()
    one: AdlUpdate = row()
    accounts.observe(one)

    assert [one] == accounts.rows("main", one.received_ms + 3_000)
    assert [] == accounts.rows("main", one.received_ms + 3_001)
