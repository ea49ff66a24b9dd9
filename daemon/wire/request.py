"""What a client asks a venue for, whichever the venue; the far end of our own subscriptions."""

from typing import Literal

import msgspec

Method = Literal["subscribe", "unsubscribe", "ping", "list", "other"]


class Request(msgspec.Struct, frozen=True):
    """One request as a venue reads it; `topics` are spelled as for `subscribe`, and `id` goes back as it was sent."""

    method: Method
    topics: tuple[str, ...] = ()
    id: int | str | None = None
