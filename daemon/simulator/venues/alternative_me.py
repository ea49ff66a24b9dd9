"""alternative.me in the box: fear and greed, one number a day."""

from aiohttp import web

from daemon.simulator import noise
from daemon.simulator.queries import count
from daemon.simulator.venues.asked import Asked, said
from daemon.wire import alternative_me as wire

_DAY_S = 86_400
_FIRST_DAY = 17_563  # 2018-02-01, in days since 1970
_LOST_EVERY = 397  # days: the real index has holes too
_CLASSES = ((25, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (100, "Extreme Greed"))


class AlternativeMe(Asked):
    """`format=csv` and `date_format` are not imitated: what they bring cannot be read, and nobody asks for it."""

    name = "alternative_me"

    def routes(self) -> list[web.RouteDef]:
        return [web.get(wire.FEAR_GREED, self._fear_greed)]

    async def _fear_greed(self, request: web.Request) -> web.Response:
        now_s = self.clock() // 1_000
        today = now_s // _DAY_S
        asked = count(request.query.get("limit"), usual=1, most=10_000)
        rows = today - _FIRST_DAY + 1 if request.query.get("limit") == "0" else asked
        days = [day for day in range(today, max(_FIRST_DAY, today - rows) - 1, -1) if day % _LOST_EVERY][:rows]
        left_s = (today + 1) * _DAY_S - now_s
        return said(wire.encode_days([self._day(day, left_s if day == today else None) for day in days]))

    def _day(self, day: int, left_s: int | None) -> wire.Day:
        name = noise.key(self.world.seed, "mood")
        value = round(48 + 60 * noise.walk(name, day * _DAY_S * 1_000, 0.03) + 10 * (noise.unit(name, day) - 0.5))
        if day % 6 == 0:  # at least one day of fear a week, for those who filter by it
            value = 30 + value % 15
        value = min(max(value, 5), 95)
        return wire.Day(value, next(name for top, name in _CLASSES if value <= top), day * _DAY_S, left_s)
