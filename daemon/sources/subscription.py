"""Which of the items we asked for a venue has taken, refused, or not mentioned. No sockets, no clock."""

from collections.abc import Callable, Collection, Iterable, Sequence

from daemon.wire.control import Accepted, Rejected

Subscribe = Callable[[Sequence[str], int], list[str]]
Unsubscribe = Subscribe

UNMENTIONED = "the venue never answered"
RETRIES = 64
PARTINGS_MAX = 256  # requests to let go that are remembered: some venues never answer them in a way that we are told
LEFT_OUT = "the venue left it out of its answer"
_HARMLESS = ("already subscribed", "repeated subscription")  # a retry of a batch that was taken in part


class Subscription:
    """The book of one connection's items. Gives frames to send; learns from what the venue answers."""

    def __init__(
        self,
        subscribe: Subscribe,
        unsubscribe: Unsubscribe,
        *,
        answers_each: bool = False,
        retries: int = RETRIES,
    ) -> None:
        """`answers_each`: the venue answers every item by itself (OKX); otherwise one answer settles a request.

        `retries` bounds how often neighbours of a refused item are asked for again: a venue that refuses everything
        must not be asked for everything one by one.
        """
        self._subscribe, self._unsubscribe = subscribe, unsubscribe
        self._answers_each, self._retries = answers_each, retries
        self._next_id = 1
        self._partings: dict[str, None] = {}  # request ids of what was let go, oldest first
        self._held: dict[str, None] = {}  # items asked for and not let go since, in their order
        self._asked: dict[str, list[str]] = {}  # request id -> items not answered yet
        self._complaint: str | None = None  # the latest refusal that named neither item nor request
        self.accepted: set[str] = set()
        self.rejected: dict[str, str] = {}  # item -> why

    @property
    def is_settled(self) -> bool:
        """Every item was taken or refused."""
        return not self._asked

    @property
    def held(self) -> Collection[str]:
        """What we asked for and have not let go since, whatever became of it."""
        return self._held.keys()

    def ask(self, items: Sequence[str]) -> list[str]:
        """Text frames that ask for these items."""
        if not items:
            return []
        self._held.update(dict.fromkeys(items))
        frames = self._subscribe(items, self._next_id)
        if len(frames) == 1 or len(items) == 1:
            self._asked[str(self._next_id)] = list(items)
            self._next_id += len(frames)
            return frames
        # cut until each request has an id of its own, so that an answer tells which items it is about
        middle = len(items) // 2
        return self.ask(items[:middle]) + self.ask(items[middle:])

    def let_go(self, items: Iterable[str]) -> list[str]:
        """Text frames that give these items up, as far as they are held. Late answers about them count no more."""
        gone = [item for item in items if item in self._held]
        for item in gone:
            del self._held[item]
        # a venue says no to those that it refused before, and may take the others of that request for refused too
        taken = [item for item in gone if self.rejected.pop(item, None) is None]
        self.accepted.difference_update(gone)
        frames = self._unsubscribe(taken, self._next_id) if taken else []
        for _ in frames:
            self._partings[str(self._next_id)] = None
            self._next_id += 1
        while len(self._partings) > PARTINGS_MAX:
            del self._partings[next(iter(self._partings))]
        return frames

    def heard(self, answer: Accepted | Rejected) -> list[str]:
        """Write the answer down; returns frames that ask again for items which went down with a bad neighbour."""
        if answer.request_id is not None and answer.request_id in self._partings:
            del self._partings[answer.request_id]  # yes or no, it is gone
            return []
        if isinstance(answer, Accepted):
            self._accept(answer)
            return []
        if any(words in answer.why.lower() for words in _HARMLESS):
            self._accept(Accepted(answer.items, answer.request_id))
            return []
        return self._reject(answer)

    def give_up_waiting(self) -> None:
        """Nobody will answer any more: what was not mentioned counts as refused."""
        why = self._complaint or UNMENTIONED
        for items in self._asked.values():
            self._refuse(items, why)
        self._asked.clear()

    def _accept(self, answer: Accepted) -> None:
        about = self._about(answer.request_id, answer.items)
        items = answer.items or tuple(self._asked.get(about or "", ()))
        self.accepted.update(item for item in items if item in self._held)
        for item in items:
            self.rejected.pop(item, None)
        self._answered(items)
        if not self._answers_each and about is not None:
            self._refuse(self._asked.pop(about, []), LEFT_OUT)

    def _reject(self, answer: Rejected) -> list[str]:
        about = self._about(answer.request_id, answer.items)
        if about is None:
            return []
        request = self._asked[about]
        named = [item for item in answer.items if item in request]
        if len(request) == 1:
            named = request
        self._refuse(named, answer.why)
        self._answered(named)
        if self._answers_each:
            if not named:
                self._complaint = answer.why  # about one of several; the others will be answered, this one never
            return []
        # the whole request went down: ask again for the good neighbours, or in halves until the bad one stands alone
        rest = [item for item in self._asked.pop(about, []) if item in self._held]
        if not rest:
            return []
        self._retries -= 1
        if self._retries < 0:
            self._refuse(rest, answer.why)
            return []
        if named:
            return self.ask(rest)
        middle = len(rest) // 2
        return self.ask(rest[:middle]) + self.ask(rest[middle:])

    def _refuse(self, items: Iterable[str], why: str) -> None:
        self.rejected.update((item, why) for item in items if item in self._held)

    def _about(self, request_id: str | None, items: Sequence[str]) -> str | None:
        """The request that an answer is about: by its id, by what it names, or else the oldest that is open."""
        if request_id is not None:
            return request_id if request_id in self._asked else None
        for asked, waiting in self._asked.items():
            if any(item in waiting for item in items):
                return asked
        return None if items else next(iter(self._asked), None)

    def _answered(self, items: Sequence[str]) -> None:
        gone = set(items)
        for request_id, waiting in list(self._asked.items()):
            left = [item for item in waiting if item not in gone]
            if left:
                self._asked[request_id] = left
            else:
                del self._asked[request_id]
