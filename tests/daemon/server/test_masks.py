"""A set of rows is a number; what goes in comes out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.server.masks import Stretches, flags_of, mask_of, positions_in, union

SIZE = 400
POSITIONS = st.sets(st.integers(0, SIZE - 1))


@given(POSITIONS | st.just(set(range(SIZE))))
@settings(deadline=None)
def test_positions_come_back_in_order(positions: set[int]) -> None:
    """Few and many are made in different ways."""
    mask = mask_of(list(positions), SIZE)

    assert sorted(positions) == positions_in(mask, SIZE)
    assert len(positions) == mask.bit_count()
    assert [at in positions for at in range(SIZE)] == [bool(flag) for flag in flags_of(mask, SIZE)]


@given(POSITIONS, POSITIONS)
@settings(deadline=None)
def test_masks_are_joined_as_sets_are(one: set[int], other: set[int]) -> None:
    assert mask_of(list(one | other), SIZE) == union([mask_of(list(one), SIZE), mask_of(list(other), SIZE)])


@given(st.permutations(range(90)), st.integers(0, 90), st.integers(0, 90))
@settings(deadline=None)
def test_a_stretch_holds_the_rows_between_its_ends(order: list[int], first: int, last: int) -> None:
    """Whole parts and single rows at both ends."""
    assert set(order[first:last]) == set(positions_in(Stretches(order).mask(first, last), 90))


def test_no_rows_at_all_is_a_set_too() -> None:
    assert [] == positions_in(mask_of([], 0), 0)
    assert 0 == Stretches([]).mask(0, 0)
