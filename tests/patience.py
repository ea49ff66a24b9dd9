"""How long tests wait: one number for all, because a test that waits must not depend on how fast the machine is."""

from sinks.post import Patience

PATIENCE_S = 60.0
"""For what must come: far longer than any machine takes, so that only what never comes fails. It is never a measure."""

UNHURRIED = Patience(connect_s=10.0, answer_s=15.0)
"""For a far end of ours that will answer: as long as a courier waits for any driver."""
