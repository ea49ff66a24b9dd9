"""An answer made of several is as old as its oldest part, and says what it lacks."""

from daemon.server.table import Table
from daemon.server.tzone.parts import Parts
from daemon.upstream.cache import Answer, Unavailable


async def missing() -> Answer[list[int]]:
    raise Unavailable("the vendor is down")


async def old() -> Answer[list[int]]:
    return Answer([7], 500, True, "it answered 503")


async def test_the_oldest_part_and_every_reason_count() -> None:
    """Each reason once."""
    parts = Parts(1_000)

    assert 3 == parts.take(Answer(3, 900))
    assert [7] == await parts.maybe("sevens", old(), [])
    assert [8] == await parts.maybe("eights", missing(), [8])
    assert [8] == await parts.maybe("eights", missing(), [8])
    data = parts.data(Table([]))
    assert (500, True) == (data.at_ms, data.is_stale)
    assert "it answered 503; eights: the vendor is down" == data.error


def test_a_whole_answer_has_no_reason() -> None:
    """Nothing is added to its frame."""
    parts = Parts(1_000)
    parts.take(Answer(3, 900))
    data = parts.data(Table([]), {"a": 1}, 2)

    assert (900, False, None, {"a": 1}, 2) == (data.at_ms, data.is_stale, data.error, data.extra, data.extra_version)
