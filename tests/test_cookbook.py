"""The recipes for traders are what they say: each loads, speaks, keeps quiet, and would fail if it did not."""

import re
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.config.model import Config
from daemon.trial.rehearsal import rehearse
from rules.kinds import KINDS
from tests.pages import ROOT, blocks, stand_in

RECIPES = blocks(ROOT / "docs/cookbook.md", "yaml")
EACH = pytest.mark.parametrize("recipe", RECIPES, ids=range(1, len(RECIPES) + 1))

_MESSAGE = re.compile(r'"(?:\(edit\) )?(?:INFO|WARNING|CRITICAL|ESCALATED|STILL|CLEARED) [^"\n]+"')
_DIGIT = re.compile(r"\d")


def loaded(recipe: str, folder: Path) -> Config:
    """As a reader would copy it, with secrets that open nothing."""
    file = folder / "recipe.yaml"
    file.write_text(recipe, encoding="utf-8")
    return load([file], environ={name: stand_in(name) for name in re.findall(r"\$\{(\w+)\}", recipe)})


def misprints(recipe: str) -> list[str]:
    """The recipe once for each message that has a number, with that number changed."""
    changed = []
    for message in _MESSAGE.finditer(recipe):
        if digit := _DIGIT.search(recipe, *message.span()):
            other = str((int(digit[0]) + 1) % 10)
            changed.append(recipe[: digit.start()] + other + recipe[digit.end() :])
    return changed


def test_there_are_twenty_under_twenty_headings() -> None:
    page = (ROOT / "docs/cookbook.md").read_text("utf-8")

    assert 20 == len(RECIPES)
    assert [str(number) for number in range(1, 21)] == re.findall(r"^## (\d+)\. ", page, re.MULTILINE)


@EACH
def test_a_recipe_loads_and_its_tests_pass(recipe: str, tmp_path: Path) -> None:
    assert 1 <= rehearse(loaded(recipe, tmp_path))


@EACH
def test_a_recipe_shows_it_speaking_and_keeping_quiet(recipe: str, tmp_path: Path) -> None:
    """Every rule of it is tried; a rule that always speaks is worth as little as one that never does."""
    config = loaded(recipe, tmp_path)
    moments = [moment for test in config.tests for moment in test.trial.expect]
    heard = [told for moment in moments for told in moment.messages.values()]

    assert {spec.id for spec in config.rules} == {name for test in config.tests for name in test.trial.rules or ()}
    assert any(heard)
    assert [] in heard or "inactive" in [state for moment in moments for state in moment.states.values()]


@EACH
def test_another_number_in_what_a_recipe_expects_fails(recipe: str, tmp_path: Path) -> None:
    """Each message's own, so that none of them goes unread."""
    wrong = misprints(recipe)

    assert wrong
    for misprint in wrong:
        with pytest.raises(ConfigError, match="messages to"):
            rehearse(loaded(misprint, tmp_path))


def test_the_recipes_know_every_kind_and_no_name_twice(tmp_path: Path) -> None:
    """Whoever copies several into one file must not rename them."""
    rules = [spec for recipe in RECIPES for spec in loaded(recipe, tmp_path).rules]

    assert set(KINDS) == {spec.type for spec in rules}
    assert len(rules) == len({spec.id for spec in rules})
