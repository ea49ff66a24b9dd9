"""Names in requests: what is called by nobody is refused, so that a slip does not answer with nothing for ever."""

from typing import TYPE_CHECKING

from daemon.named import Unknown, doubts
from daemon.server.api.resource import Trouble
from rules.delivery import Matchers
from storage.episodes import query_alerts

if TYPE_CHECKING:
    from daemon.house import House


async def doubts_of(house: "House", meant: Matchers) -> list[str]:
    """What is doubtful about these names, in sentences; Trouble for the first that nothing is called."""
    views = None if house.showroom is None else house.showroom.views
    try:
        return await doubts(meant, house.database, house.config, views, all_rules=False)
    except Unknown as exc:
        raise Trouble(400, "unknown_value", str(exc), exc.part) from exc


async def refuse_unknown(
    house: "House",
    *,
    rule: str | None = None,
    kind: str | None = None,
    symbol: str | None = None,
    venue: str | None = None,
) -> None:
    """Trouble for a filter that nothing will ever pass. A rule that has left the file is known by what it has told."""
    if rule is not None and await query_alerts(house.database, rule=rule, limit=1):
        rule = None
    meant = Matchers(rules=_one(rule), kinds=_one(kind), symbols=_one(symbol), venues=_one(venue))
    await doubts_of(house, meant)


def _one(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)
