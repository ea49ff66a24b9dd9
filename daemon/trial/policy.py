"""Who is told what, from a configuration alone: no sink is built, no connection opened."""

from collections.abc import Iterable

from daemon.config.model import Config, SinkConfig
from daemon.config.policy import policy_of
from rules.compiled import Rule
from rules.delivery import Policy
from sinks.address import SlackBot, TelegramChat, parse


def rehearsed_policy(config: Config, rules: Iterable[Rule]) -> Policy:
    """The same that the daemon would go by."""
    can_edit = {name: _can_edit(told) for name, told in config.sinks.items()}
    return policy_of(config, {rule.rule_id: rule for rule in rules}, can_edit)


def late_after_ms(config: Config) -> dict[str, int]:
    """When a message of each sink says that it is late."""
    return {name: told.late_after_ms for name, told in config.sinks.items()}


def _can_edit(told: SinkConfig) -> bool:
    return isinstance(parse(told.url.get_secret_value()), TelegramChat | SlackBot)
