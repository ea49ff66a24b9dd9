"""Says what is wrong once, and once that it is over."""

import logging

log = logging.getLogger(__name__)


class Complaint:
    """About one bot that is not heard."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said: str | None = None

    def say(self, level: int, reason: str) -> None:
        """Aloud if it is news: trouble while there is trouble is none, but what a person must mend is."""
        is_known = self._said is not None and (level <= logging.WARNING or self._said == reason)
        log.log(logging.DEBUG if is_known else level, "bot is not heard", extra={"sink": self._name, "reason": reason})
        self._said = reason

    def over(self) -> None:
        """It is heard."""
        if self._said is not None:
            log.info("bot is heard", extra={"sink": self._name})
        self._said = None
