"""alternative.me: fear and greed, one number a day."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import AlternativeMe as Config
from daemon.sources.poller import Poller
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import alternative_me as wire
from daemon.wire.control import Unreadable
from rules.events import Event, FearGreed

BUDGET = Budget(weight=10, per_s=60)  # the data changes once a day; 60 a minute are commonly quoted


def build(config: Config, context: Context) -> list[Feed]:
    """The poller, if the mood of the market is wanted."""
    if not context.wanted.any_of((FearGreed,), venue=wire.VENUE):
        return []
    poller = Poller(
        name="alternative_me.fear_greed",
        venue=wire.VENUE,
        context=context,
        sieve=Sieve(context.wanted, (FearGreed,), context.once),
        every_ms=config.every,
        ask=Desk(config, context).ask,
    )
    return [poller]


class Desk:
    """Knows what it told last: the first answer is always told, and then each new day or value."""

    def __init__(self, config: Config, context: Context) -> None:
        self._context, self._url = context, config.rest_url + wire.FEAR_GREED
        self._client = context.http.client(config.rest_url, budget=BUDGET)
        self._told: tuple[int, int] | None = None  # day and value

    async def ask(self) -> list[Event]:
        """The newest day, unless it is old news."""
        days = wire.decode_days(await self._client.get(self._url, params={"limit": 1}))
        if not days:
            raise Unreadable("alternative.me sent no day that can be read")
        newest = days[0]
        if self._told == (newest.at_s, newest.value):
            return []
        self._told = newest.at_s, newest.value
        return [wire.fear_greed(newest, self._context.clock())]
