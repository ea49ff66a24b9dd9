"""Who is told what, and when: the one place that decides it, for the daemon, for tests and for backtests alike.

letters = post.take(transitions, now_ms)      # decided: who, and why not
tray.put(transitions, letters)                # the daemon: rows of the outbox, in the deciding transaction
for sink, notice in tray.take(now_ms): ...    # the daemon: `storage.claim`, one message at a time
"""

from rules.delivery.letters import Form, Letter, Member, Notice, Words
from rules.delivery.matchers import Matchers
from rules.delivery.policy import Cap, Grouping, Inhibition, Policy, Route, SinkPolicy
from rules.delivery.post import Post
from rules.delivery.silences import Acknowledgement, Silence
from rules.delivery.tray import Kept, Tray

__all__ = [
    "Acknowledgement",
    "Cap",
    "Form",
    "Grouping",
    "Inhibition",
    "Kept",
    "Letter",
    "Matchers",
    "Member",
    "Notice",
    "Policy",
    "Post",
    "Route",
    "Silence",
    "SinkPolicy",
    "Tray",
    "Words",
]
