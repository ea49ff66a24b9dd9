"""Where secrets come from: `${NAME}` and `file:/path`, read in secret fields only, never shown."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place
from daemon.config.shape import holds_secret, inside, is_secret

Secret = SecretStr  # the type that marks a field as one; a source's Config does the same
_REFERENCE = re.compile(r"\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"file:(?://)?(/.*)", re.DOTALL)
MAX_FILE_BYTES = 64 * 1024


class Missing(Exception):
    """A secret that cannot be had: what is wrong, and what would be right."""

    def __init__(self, what: str, right: str) -> None:
        super().__init__(what)
        self.what, self.right = what, right


def fill(
    annotation: Any, value: Any, place: Place, loc: tuple[str | int, ...], environ: Mapping[str, str]
) -> tuple[Any, list[Mistake]]:
    """The value with every secret inside it read; the value given is left as it was."""
    if isinstance(value, str):
        if not is_secret(annotation):
            return value, []
        try:
            return resolve(value, environ), []
        except Missing as exc:
            path = ".".join(map(str, loc))
            return value, [Mistake(place.file, place.line, place.column, path, exc.what, exc.right)]
    if not isinstance(value, dict | list) or not holds_secret(annotation):
        return value, []
    filled: dict[str | int, Any] = {}
    mistakes: list[Mistake] = []
    for part, child in value.items() if isinstance(value, dict) else enumerate(value):
        kinds = [kind for kind in inside(annotation, part) if holds_secret(kind)]
        filled[part] = child
        if kinds:
            where, _ = place.find((part,))
            filled[part], wrong = fill(kinds[0], child, where, (*loc, part), environ)
            mistakes += wrong
    return (filled if isinstance(value, dict) else list(filled.values())), mistakes


def resolve(text: str, environ: Mapping[str, str]) -> str:
    """The secret that the text names; a text that names none is the secret itself. Raises Missing."""
    if match := _FILE.fullmatch(text):
        return _from_file(Path(match[1]))
    unset = [name for name in dict.fromkeys(_REFERENCE.findall(text)) if _NAME.fullmatch(name) and name not in environ]
    if len(unset) > 1:  # all at once, so that nobody starts once for each
        raise Missing(f"the environment variables {', '.join(unset)} are not set", "export them before starting")
    return _REFERENCE.sub(lambda match: _from_environment(match, environ), text)


def _from_environment(match: re.Match[str], environ: Mapping[str, str]) -> str:
    name = match[1]
    if not match[0].endswith("}") or not _NAME.fullmatch(name):
        raise Missing("'${' begins a name that does not end", "write ${NAME} with letters, digits and _")
    if name not in environ:
        raise Missing(f"the environment variable {quote(name)} is not set", f"export {quote(name)}=... before starting")
    if not environ[name]:
        raise Missing(f"the environment variable {quote(name)} is empty", f"give {quote(name)} a value")
    return environ[name]


def _from_file(path: Path) -> str:
    shown = quote(path)
    try:
        if not path.is_file():
            raise Missing(f"there is no file {shown}", "create it with the secret inside, or correct the path")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Missing(f"the file {shown} is too large to be a secret", "put nothing but the secret into it")
        text = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else "not text"
        raise Missing(f"the file {shown} cannot be read ({why})", "let the user who runs tocsin read it") from exc
    if not text:
        raise Missing(f"the file {shown} is empty", "put the secret into it")
    return text
