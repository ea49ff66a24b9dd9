"""Letters behind the head with the same verdict: ten thousand that wait are not judged one by one."""

from collections.abc import Callable

from rules.delivery.gather import Unit
from storage.notices import WAITING, is_summary
from storage.waiting import Waiting


async def next_alike(
    waiting: Waiting, unit: Unit, is_so: Callable[[Unit], bool], now_ms: int, limit: int
) -> list[Unit]:
    """Those that a claim would judge next, one after the other, up to the first that is not so.

    It also ends at what is more than a verdict: words of ours, what must wait, has expired, or is tied to a summary.
    """
    names: dict[str, None] = {}
    for row in await waiting.line(now_ms, limit):
        if row.episode_id is None or not row.due_ms or (row.not_before_ms or 0) > now_ms or row.expires_ms <= now_ms:
            break
        names[row.episode_id] = None
    names.pop(unit.alert.episode_id, None)
    rows = await waiting.rows(list(names))
    letters = [row for row in rows if row.status == WAITING]
    tied = {row.episode_id for row in letters if is_summary(row)}
    units = {one.alert.episode_id: one for one in await waiting.units(letters, rows)}
    alike: list[Unit] = []
    for name in names:
        one = units.get(name)
        if one is None or name in tied or one.is_idle or not is_so(one):
            break
        alike.append(one)
    return alike
