"""Why we close a connection, as codes and sentences, and what we say before."""

from enum import Enum

import msgspec


class Goodbye(Enum):
    """A close code (RFC 6455 7.4: below 4000 the protocol's own, from there ours) and the sentence that goes with it."""

    STOPPING = (1001, "the daemon stops; connect again in a moment")
    PROTOCOL = (1002, "this is not how WebSocket frames look")
    INVALID_TEXT = (1007, "text has to be UTF-8")
    MISSING_PARAMETER = (1008, "a required parameter is missing; the message before this one names it")
    NO_KEY = (1008, "the key is not valid")
    TOO_BIG = (1009, "the message is too big; the one before this names the limit")
    BROKEN = (1011, "something broke on our side; connect again")
    NO_ROOM = (1013, "too many different requests are being served; try again later")
    DISMISSED = (4001, "the key or session behind this connection is no longer valid")
    TOO_SLOW = (4008, "you read more slowly than the market moves; connect again")
    UNHEARD = (4010, "nothing was heard from you for too long; connect again")
    TOO_MANY_MESSAGES = (4029, "too many messages; the one before this names the limit")

    @property
    def code(self) -> int:
        """What the close frame carries."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """At most 123 bytes."""
        return self.value[1]

    @property
    def word(self) -> str:
        """Its name as a label of a metric."""
        return self.name.lower()

    @classmethod
    def of(cls, code: int) -> "Goodbye":
        """The goodbye for a violation that the reader of frames found."""
        return {1007: cls.INVALID_TEXT, 1009: cls.TOO_BIG}.get(code, cls.PROTOCOL)


def error_payload(code: str, parameter: str | None, message: str) -> bytes:
    """{"error": {"code", "parameter", "message"}}: what a client is told in place of rows."""
    return msgspec.json.encode({"error": {"code": code, "parameter": parameter, "message": message}})
