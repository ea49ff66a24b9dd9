"""What has a place keeps it, and nothing is carried beyond what fits."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.sources.allotment import Allotment, Unit

units = st.lists(st.sampled_from([(f"t{n}",) for n in range(12)] + [(f"a{n}", f"b{n}") for n in range(6)]), unique=True)


def test_the_first_connection_is_filled_first() -> None:
    """And what does not fit is named."""
    allotment = Allotment(2)

    assert [("d", "e")] == allotment.share([("a", "b"), ("c",), ("d", "e"), ("f",)], most=2)
    assert [0, 1] == allotment.used
    assert ["c", "f"] == allotment.of(1)


@given(st.lists(units, min_size=1, max_size=6), st.integers(1, 4), st.integers(2, 6))
def test_no_connection_carries_too_much_and_nobody_is_moved(steps: list[list[Unit]], most: int, size: int) -> None:
    """However wishes change."""
    allotment = Allotment(size)
    before: dict[str, int] = {}
    for wanted in steps:
        left_out = allotment.share(wanted, most=most)
        carried = {topic: place for place in range(most) for topic in allotment.of(place)}

        assert all(len(allotment.of(place)) <= size for place in range(most))
        assert {topic for unit in wanted for topic in unit} == {*carried, *(t for unit in left_out for t in unit)}
        assert all(before[topic] == place for topic, place in carried.items() if topic in before)
        assert all(len({carried[topic] for topic in unit}) == 1 for unit in wanted if unit not in left_out)
        before = carried
