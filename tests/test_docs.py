"""What the documents say is true: files load, commands exist, links lead somewhere, and walk-throughs run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from daemon.cli import tocsin
from daemon.config.load import load
from daemon.config.yaml import read
from daemon.simulator import scenario
from daemon.sources.configs import CONFIGS
from daemon.trial.rehearsal import rehearse
from rules.kinds import KINDS
from rules.series import Part, Series
from rules.spec import RuleSpec
from rules.trials import Expectation, Trial
from rules.windows import KINDS as WINDOWS
from rules.writer import PLAIN
from tests.daemon.cli.typed import typed as run
from tests.pages import _FENCE, CODE, ROOT, blocks, stand_in

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = {"sources", "sinks", "rules", "tests", "storage", "server", "label"}


# files that a walk-through tells the reader to make
INVENTED = {
    "rules/kinds/premium.py",
    "tests/rules/kinds/test_premium.py",
    "sinks/mattermost.py",
    "tests/sinks/test_mattermost.py",
    "daemon/wire/kelp_stream.py",
    "daemon/sources/streams/kelp.py",
    "tests/daemon/wire/test_kelp_stream.py",
    "tests/daemon/sources/streams/test_kelp.py",
}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?:daemon|rules|sinks|storage|tests|bench|docs)/[\w./-]*")
_ANCHOR_DROPS = re.compile(r"[^\w\- ]")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def every(language: str) -> list[Any]:
    """Each block of a language as a parameter that says where it stands."""
    return [
        pytest.param(text, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, language), 1)
    ]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Its headings as GitHub makes them into links."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {_ANCHOR_DROPS.sub("", head.lower()).replace(" ", "-") for head in heads}


# -- what is written in YAML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", every("yaml"))
def test_every_yaml_block_is_right(text: str, tmp_path: Path) -> None:
    """A block that a reader copies is taken as it is: a configuration loads, anything else is at least YAML."""
    secret = tmp_path / "secret"
    secret.write_text("json://127.0.0.1/hook", encoding="utf-8")
    text = re.sub(r"file:/[\w/]+", f"file:{secret}", text)
    file = tmp_path / "block.yaml"
    file.write_text(text, encoding="utf-8")
    value, _, mistakes = read(text.encode(), "block.yaml")
    assert [] == mistakes
    if isinstance(value, dict) and SECTIONS & value.keys():
        config = load([file], environ={name: stand_in(name) for name in re.findall(r"\$\{(\w+)\}", text)})
        rehearse(config)
    elif isinstance(value, dict) and "acts" in value:
        scenario.parse(text.encode(), "block.yaml")


def test_the_readme_shows_every_kind_of_rule() -> None:
    """Whoever reads one page has seen all kinds."""
    shown = {kind for text in blocks(ROOT / "README.md", "yaml") for kind in re.findall(r"\btype: (\w+)", text)}

    assert set(KINDS) == shown


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_names_every_field_of_every_kind(kind: str) -> None:
    """A field that nobody can find is not there."""
    page = (ROOT / "docs/rules.md").read_text("utf-8")
    common = set(keys(RuleSpec))  # type: ignore[type-abstract]  # its fields are read, none is made
    section = page.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    for_all = set(
        re.findall(r"^\| `(\w+)` \|", page.partition("\n## Fields of every kind\n")[2].partition("\n## ")[0], re.M)
    )

    assert common == for_all
    assert set(keys(KINDS[kind].SPEC)) - common == told


def keys(model: type[RuleSpec]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def test_the_reference_and_the_readme_name_every_function() -> None:
    """Those of the language, windows and plain ones."""
    for page in (ROOT / "README.md", ROOT / "docs/rules.md"):
        text = page.read_text("utf-8")

        assert [] == [name for name in (*WINDOWS, *PLAIN) if f"{name}(" not in text]


# -- how rules are tried -----------------------------------------------------------------------------------------------


TRYING = ROOT / "docs/trying-rules.md"


@pytest.mark.parametrize(
    ("heading", "model"),
    [("A test", Trial), ("A series", Series), ("A moment", Expectation)],
    ids=["test", "series", "moment"],
)
def test_the_page_of_tests_names_every_field(heading: str, model: type[Part]) -> None:
    """And no other."""
    section = TRYING.read_text("utf-8").partition(f"\n### {heading}\n")[2].partition("\n#")[0]
    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert {field.alias or name for name, field in model.model_fields.items()} == set(told)


def test_what_the_page_prints_is_what_the_commands_say(tmp_path: Path) -> None:
    """The whole walk: a test that passes, one that fails, a past, and what the rules say of it."""
    (rules,) = blocks(TRYING, "yaml")
    (past,) = blocks(TRYING, "csv")
    failing, replayed, deaf, brought_in = blocks(TRYING, "text")
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    (tmp_path / "loose.yaml").write_text(rules.replace("clear: 0.03%", "clear: 0.05%"), encoding="utf-8")
    (tmp_path / "funding.csv").write_text(past, encoding="utf-8")
    history = ("--db", "history.db")

    assert "1 test passed\n" == run("test", "rules.yaml", cwd=tmp_path).stdout
    assert run("test", "loose.yaml", cwd=tmp_path).stdout.startswith(failing.removesuffix("...\n"))
    assert brought_in == run("import", "funding.csv", "--type", "funding_rate", *history, cwd=tmp_path).stdout
    assert replayed == run("backtest", "rules.yaml", *history, "--since", "2026-01-01", cwd=tmp_path).stdout

    paid = ("--db", "paid.db")
    run("import", "funding.csv", "--type", "funding_rate", "--set", "is_settled=true", *paid, cwd=tmp_path)
    assert run("backtest", "rules.yaml", *paid, "--since", "2026-01-01", cwd=tmp_path).stdout.endswith(f"\n{deaf}")


def test_the_readme_names_every_source_and_its_settings() -> None:
    """A source that nobody can find is not there."""
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Sources\n")[2].partition("\n## ")[0]
    rows = {name: line for line in section.splitlines() for name in re.findall(r"^\| `(\w+)` \|", line)}

    assert set(CONFIGS) == set(rows)
    for name, config in CONFIGS.items():
        own = set(config.model_fields) - {"ws_url", "rest_url"}
        assert [] == [setting for setting in sorted(own) if f"`{setting}`" not in rows[name]], name


# -- what is typed ---------------------------------------------------------------------------------------------------


def typed(page: Path) -> Iterator[str]:
    """Every `tocsin ...` and `make ...` on a page: lines of code, and code inside sentences."""
    text = page.read_text("utf-8")
    for line in text.splitlines():
        if found := re.match(r"    (?:sudo (?:-u \S+ )?)?(?:\S*/)?((?:tocsin|make) [a-z].*)", line):
            yield found[1].partition("#")[0].strip()
    yield from (code for code in CODE.findall(prose(page)) if re.match(r"(tocsin|make) [a-z]", code))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_a_page_exists(page: Path) -> None:
    """With the options that it is given."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in typed(page):
        name, *words = shlex.split(command)
        if name == "make":
            assert {word for word in words if word.isalpha() and word.islower()} <= targets, command
        else:
            assert None is unknown_part(words), f"{named(page)}: `{command}`: {unknown_part(words)}"


def unknown_part(words: list[str]) -> str | None:
    """The first word that the command line would not know, or None."""
    command: click.Command = tocsin
    for word in words:
        if word in (">", "|"):
            return None
        if word.startswith("-") and word not in ("--help", "-h"):
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            if word not in known:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is not None:
                command = found
            elif command is tocsin:
                return word
    return None


def test_the_check_of_commands_notices_what_is_wrong() -> None:
    """Else it would be worth nothing."""
    assert None is unknown_part(["outbox", "retry", "36c2bef8"])
    assert "foretell" == unknown_part(["foretell", "x.yaml"])
    assert "--fast" == unknown_part(["demo", "--fast"])


# -- what is pointed at ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files and headings of ours; the world's own addresses are not asked."""
    for link in _LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Unless the page tells the reader to make it."""
    for code in CODE.findall(prose(page)):
        if _PATH.fullmatch(code) and code not in INVENTED:
            assert (ROOT / code).exists(), code


def test_the_index_lists_every_page() -> None:
    """A page that is not listed is not read."""
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link).resolve() for link in _LINK.findall(index.read_text("utf-8"))}

    assert set() == {page for page in PAGES if page.name not in ("README.md", "CHANGELOG.md")} - listed
