"""How long tests wait: one number for all, because a test that waits must not depend on how fast the machine is."""

PATIENCE_S = 60.0
"""For what must come: far longer than any machine takes, so that only what never comes fails. It is never a measure.

Limits of ours that a test makes longer, so that nothing runs out while a busy machine is slow, are as long.
"""
