"""What other rooms can be told in a configuration. Imported only when a file speaks of it: `check` must be fast."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from rules.spec import RuleSpec
    from rules.trials import Trial


def source_configs() -> dict[str, type[BaseModel]]:
    """Each source's name and what it can be told."""
    from daemon.sources.configs import CONFIGS

    return dict(CONFIGS)


def key_free_sources() -> tuple[str, ...]:
    """Those that run when a configuration names none."""
    from daemon.sources.key_free import KEY_FREE

    return KEY_FREE


def parse_rule(raw: dict[str, Any]) -> "RuleSpec":
    """The rule; ValidationError says all that is wrong with it."""
    from rules.spec import parse

    return parse(raw)


def rule_kinds() -> list[str]:
    """What may stand behind a rule's `type:`."""
    from rules.kinds import KINDS

    return list(KINDS)


def rule_shape(raw: dict[str, Any]) -> "type[RuleSpec] | None":
    """The model by which this rule is read, for suggestions; its type tells."""
    from rules.spec import shape

    return shape(raw)


def describe_rule(rule: "RuleSpec") -> str:
    """The rule in a sentence that begins with its id."""
    from rules.kinds import describe

    return describe(rule)


def trial_shape() -> "type[Trial]":
    """The model by which a test is read."""
    from rules.trials import Trial

    return Trial
