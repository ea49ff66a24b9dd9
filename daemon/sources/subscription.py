"""Which of the items we asked for a venue has taken, refused, or not mentioned. No sockets, no clock."""

from collections.abc import Callable, Sequence

from daemon.wire.control import Accepted, Rejected

Subscribe = Callable[[Sequence[str], int], list[str]]

UNMENTIONED = "the venue never answered"
RETRIES = 64
LEFT_OUT = "the venue left it out of its answer"
_HARMLESS = ("already subscribed", "repeated subscription")  # a retry of a batch that was taken in part


class Subscription:
    """The book of one connection's items. Gives frames to send; learns from what the venue answers."""

    def __init__(self, subscribe: Subscribe, *, answers_each: bool = False, retries: int = RETRIES) -> None:
        """`answers_each`: the venue answers every item by itself (OKX); otherwise one answer settles a request.

        `retries` bounds how often neighbours of a refused item are asked for again: a venue that refuses everything
        must not be asked for everything one by one.
        """
        self._subscribe, self._answers_each, self._retries = subscribe, answers_each, retries
        self._next_id = 1
        self._asked: dict[str, list[str]] = {}  # request id -> items not answered yet
        self._complaint: str | None = None  # the latest refusal that named neither item nor request
        self.accepted: set[str] = set()
        self.rejected: dict[str, str] = {}  # item -> why

    @property
    def is_settled(self) -> bool:
        """Every item was taken or refused."""
        return not self._asked

    def ask(self, items: Sequence[str]) -> list[str]:
        """Text frames that ask for these items."""
        if not items:
            return []
        frames = self._subscribe(items, self._next_id)
        if len(frames) == 1 or len(items) == 1:
            self._asked[str(self._next_id)] = list(items)
            self._next_id += len(frames)
            return frames
        # cut until each request has an id of its own, so that an answer tells which items it is about
        middle = len(items) // 2
        return self.ask(items[:middle]) + self.ask(items[middle:])

    def heard(self, answer: Accepted | Rejected) -> list[str]:
        """Write the answer down; returns frames that ask again for items which went down with a bad neighbour."""
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
            self.rejected.update(dict.fromkeys(items, why))
        self._asked.clear()

    def _accept(self, answer: Accepted) -> None:
        about = self._about(answer.request_id, answer.items)
        items = answer.items or tuple(self._asked.get(about or "", ()))
        self.accepted.update(items)
        for item in items:
            self.rejected.pop(item, None)
        self._answered(items)
        if not self._answers_each and about is not None:
            self.rejected.update(dict.fromkeys(self._asked.pop(about, []), LEFT_OUT))

    def _reject(self, answer: Rejected) -> list[str]:
        about = self._about(answer.request_id, answer.items)
        if about is None:
            return []
        request = self._asked[about]
        named = [item for item in answer.items if item in request]
        if len(request) == 1:
            named = request
        self.rejected.update(dict.fromkeys(named, answer.why))
        self._answered(named)
        if self._answers_each:
            if not named:
                self._complaint = answer.why  # about one of several; the others will be answered, this one never
            return []
        # the whole request went down: ask again for the good neighbours, or in halves until the bad one stands alone
        rest = self._asked.pop(about, [])
        if not rest:
            return []
        self._retries -= 1
        if self._retries < 0:
            self.rejected.update(dict.fromkeys(rest, answer.why))
            return []
        if named:
            return self.ask(rest)
        middle = len(rest) // 2
        return self.ask(rest[:middle]) + self.ask(rest[middle:])

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
