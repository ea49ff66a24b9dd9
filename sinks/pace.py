"""How fast a chat likes to be spoken to: a token bucket as plain arithmetic, without a clock of its own."""

from typing import Self

import msgspec


class Pace(msgspec.Struct, frozen=True, gc=False):
    """One message per `gap_ms` in the long run, and `burst` at once after a silence.

    Soft: the limits that chats really apply are unpublished, so a 429's advice is obeyed whatever this says.
    Whoever sends keeps the latest value: `pace = pace.spent(now_ms)` after each message that left.
    """

    gap_ms: int
    burst: int = 1
    due_ms: int = 0  # when the bucket will be full again

    def wait_ms(self, now_ms: int) -> int:
        """How long the next message should wait; 0 when it may go now."""
        return max(0, self.due_ms - (self.burst - 1) * self.gap_ms - now_ms)

    def room(self, now_ms: int, within_ms: int) -> int | None:
        """How many messages may leave until then; None: any number."""
        if not self.gap_ms:
            return None
        fullest_ms = now_ms + 2 * self.burst * self.gap_ms  # later than that it is only after a clock was set back
        begins_ms = min(max(self.due_ms, now_ms), fullest_ms) - (self.burst - 1) * self.gap_ms
        return max(0, (now_ms + within_ms - begins_ms) // self.gap_ms + 1)

    def spare_ms(self, now_ms: int) -> int:
        """How long a message should wait so that another could leave at once after it; 0 where none ever could."""
        return 0 if self.burst == 1 else self.spent(now_ms).wait_ms(now_ms)

    def spent(self, now_ms: int) -> Self:
        """The pace after a message left at `now_ms`."""
        return msgspec.structs.replace(self, due_ms=max(self.due_ms, now_ms) + self.gap_ms)


UNPACED = Pace(0)
# https://core.telegram.org/bots/faq: one message a second in one chat, 20 a minute in one group.
TELEGRAM_CHAT = Pace(1_000, burst=3)
TELEGRAM_GROUP = Pace(4_000, burst=5)  # 5 at once and 15 in the rest of the minute
SLACK = Pace(1_000, burst=2)  # one a second per webhook or channel, bursts not guaranteed
