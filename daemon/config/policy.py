"""From a configuration to who is told what: the same for the daemon, for `tocsin test` and for `tocsin backtest`."""

from collections.abc import Mapping

from daemon.config.delivery import cap_of
from daemon.config.model import Config, SinkConfig
from rules.compiled import Rule
from rules.delivery.policy import Policy, SinkPolicy


def policy_of(config: Config, rules: Mapping[str, Rule], can_edit: Mapping[str, bool]) -> Policy:
    """All that the files say about recipients. `can_edit`: which sinks let a message be changed (see `edits`)."""
    return Policy(
        sinks={name: _sink(name, sink, can_edit.get(name, False)) for name, sink in config.sinks.items()},
        routes=tuple(route.route() for route in config.routes),
        inhibitions=tuple(one.inhibition() for one in config.inhibit),
        rules=rules,
    )


def _sink(name: str, sink: SinkConfig, can_edit: bool) -> SinkPolicy:
    return SinkPolicy(
        name=name,
        min_severity=sink.min_severity,
        can_edit=sink.edit and can_edit,
        expire_ms=sink.expire_ms,
        quiet=None if sink.quiet is None else sink.quiet.quiet(),
        cap=None if sink.cap is None else cap_of(sink.cap),
        silent=frozenset(sink.silent),
        group=sink.group.grouping(),
    )
