"""What a failed command answers: a number for scripts, a sentence for people."""

import sys

FINE, FAILED, CONFIGURATION_WRONG = 0, 1, 2


def sentence_of(exc: Exception) -> tuple[int, str] | None:
    """The exit code and the sentence of trouble that is no bug of ours; None for all else.

    Looks classes up only where they are loaded already: what was never imported cannot have been raised.
    """
    mistakes, database = sys.modules.get("daemon.config.mistakes"), sys.modules.get("storage.trouble")
    if mistakes is not None and isinstance(exc, mistakes.ConfigError):
        return CONFIGURATION_WRONG, str(exc)
    if database is not None and isinstance(exc, database.StorageTrouble):
        return FAILED, f"tocsin: {exc}"
    return None
