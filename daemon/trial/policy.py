"""Who is told what, from a configuration alone: no sink is built, no connection opened."""

from collections.abc import Iterable

from daemon.config.model import Config, SinkConfig
from rules.compiled import Rule
from rules.delivery import Policy, SinkPolicy
from sinks.address import SlackBot, TelegramChat, parse


def policy_of(config: Config, rules: Iterable[Rule]) -> Policy:
    """The same that the daemon would go by."""
    sinks = {name: _sink(name, told) for name, told in config.sinks.items()}
    return Policy(sinks=sinks, rules={rule.rule_id: rule for rule in rules})


def late_after_ms(config: Config) -> dict[str, int]:
    """When a message of each sink says that it is late."""
    return {name: told.late_after_ms for name, told in config.sinks.items()}


def _sink(name: str, told: SinkConfig) -> SinkPolicy:
    can_edit = told.edit and isinstance(parse(told.url.get_secret_value()), TelegramChat | SlackBot)
    return SinkPolicy(name=name, min_severity=told.min_severity, can_edit=can_edit, expire_ms=told.expire_ms)
