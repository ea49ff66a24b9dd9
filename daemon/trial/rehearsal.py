"""The tests of a file as a condition: what fails them is refused like any other mistake."""

from daemon.config.mistakes import ConfigError
from daemon.config.model import Config
from daemon.trial.report import mistakes
from daemon.trial.trials import run_all


def rehearse(config: Config) -> int:
    """Run the tests of a configuration; how many there are. Raises ConfigError at the lines of those that fail."""
    outcomes = list(run_all(config))
    if failed := mistakes(outcomes):
        raise ConfigError(failed)
    return len(outcomes)
