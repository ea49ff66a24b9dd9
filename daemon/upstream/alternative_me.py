"""alternative.me over REST: fear and greed by day."""

from pydantic import SecretStr

from daemon.upstream.host import Host
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.records import FearGreedDay
from daemon.wire import alternative_me as wire

LIVE = wire.REST_URL
BUDGET = Budget(weight=10, per_s=60)  # the data changes once a day; 60 a minute are commonly quoted


class AlternativeMe:
    """Typed calls of api.alternative.me. No key."""

    def __init__(self, http: Http, base_url: str = LIVE, key: SecretStr | None = None) -> None:
        del key  # there is none
        self._host = Host(http, base_url, budget=BUDGET)

    async def fear_greed(self, limit: int = 1) -> list[FearGreedDay]:
        """The newest `limit` days, newest first; 0: all since 2018-02-01. Days may be missing: never count by rows."""
        # date_format and format=csv are left alone on purpose: both answer with what cannot be read
        days = await self._host.get(wire.FEAR_GREED, wire.decode_days, {"limit": limit, "format": "json"})
        return [
            FearGreedDay(
                value=day.value,
                classification=day.classification,
                at_s=day.at_s,
                next_update_s=day.next_update_s,
            )
            for day in days
        ]
