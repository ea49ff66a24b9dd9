"""What can keep a database from answering, in sentences for people."""

import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StorageTrouble(Exception):
    """The database cannot be used, and will not be until a person acts. The text names no secret."""


class Held(StorageTrouble):
    """The database cannot be used right now: full, locked, unreachable. Worth waiting; nothing was written."""


_PRIMARY = 0xFF  # SQLite's extended codes carry the plain one in the low byte
_SHM_WITHOUT_SPACE = {sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}

_SQLITE: dict[int, tuple[type[StorageTrouble], str]] = {
    sqlite3.SQLITE_BUSY: (Held, "{place} is locked by another process; close what has it open"),
    sqlite3.SQLITE_LOCKED: (Held, "{place} is locked by another process; close what has it open"),
    sqlite3.SQLITE_FULL: (Held, "the disk of {place} is full; make room and it goes on"),
    sqlite3.SQLITE_IOERR: (Held, "the disk of {place} does not answer properly: {text}"),
    sqlite3.SQLITE_READONLY: (StorageTrouble, "{place} is read-only; allow writing to the file and to its folder"),
    sqlite3.SQLITE_PERM: (StorageTrouble, "{place} is read-only; allow writing to the file and to its folder"),
    sqlite3.SQLITE_CANTOPEN: (
        StorageTrouble,
        "{place} cannot be opened; the folder must exist and both must be writable",
    ),
    sqlite3.SQLITE_NOTADB: (StorageTrouble, "{place} is not a database file; name another one in storage.url"),
    sqlite3.SQLITE_CORRUPT: (StorageTrouble, "{place} is damaged; restore it from a backup or move it away"),
}

_UNREACHABLE = "{place} does not answer: {text}"
_POSTGRES: dict[str, tuple[type[StorageTrouble], str]] = {
    "28P01": (StorageTrouble, "{place} refused the password; correct it in storage.url"),
    "28000": (StorageTrouble, "{place} refused the user; correct it in storage.url or in the server's access rules"),
    "3D000": (StorageTrouble, "{place} does not exist; create it with createdb, or name another in storage.url"),
    "42501": (StorageTrouble, "{place} does not allow this user to create or change tables"),
    "25006": (StorageTrouble, "{place} is read-only; name the primary server in storage.url"),
    "53100": (Held, "the disk of {place} is full; make room and it goes on"),
    "53200": (Held, "{place} is out of memory"),
    "53300": (Held, "{place} has too many connections"),
    "55P03": (Held, "{place} is locked by another process; close what has it open"),
    "40001": (Held, "{place} is busy with conflicting work"),
    "40P01": (Held, "{place} is busy with conflicting work"),
    "57014": (Held, "{place} gave up a statement: {text}"),
}
_POSTGRES_CLASSES = {"08": _UNREACHABLE, "57": _UNREACHABLE, "58": _UNREACHABLE}

_OS: dict[int, tuple[type[StorageTrouble], str]] = {
    errno.ENOSPC: (Held, "the disk of {place} is full; make room and it goes on"),
    errno.EDQUOT: (Held, "the disk quota of {place} is used up; make room and it goes on"),
    errno.EACCES: (StorageTrouble, "{place} is read-only; allow writing to the file and to its folder"),
    errno.EPERM: (StorageTrouble, "{place} is read-only; allow writing to the file and to its folder"),
    errno.EROFS: (StorageTrouble, "{place} is read-only; allow writing to the file and to its folder"),
    errno.ENOTDIR: (StorageTrouble, "{place} cannot be opened; a part of its path is a file, not a folder"),
    errno.EEXIST: (StorageTrouble, "{place} cannot be opened; a part of its path is a file, not a folder"),
    errno.EISDIR: (StorageTrouble, "{place} is a folder, not a database file"),
}


def trouble_of(exc: BaseException, place: str = "the database") -> StorageTrouble | None:
    """The sentence for what went wrong, or None if it is no trouble of the database but a bug of ours.

    `place` is how people know the database: a path, or host:port/name. Raise the answer `from exc`.
    """
    for cause in _causes(exc):
        if isinstance(cause, StorageTrouble):
            return cause
        kind, sentence, text = _explain(cause)
        if kind is not None:
            return kind(sentence.format(place=place, text=text))
    return None


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, deepest last; SQLAlchemy keeps the driver's own as `orig`."""
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        orig = current.orig if isinstance(current, DBAPIError) else None
        current = orig or current.__cause__


def _explain(exc: BaseException) -> tuple[type[StorageTrouble] | None, str, str]:
    if isinstance(exc, sqlite3.Error):
        code = getattr(exc, "sqlite_errorcode", None)
        if isinstance(code, int):
            plain = sqlite3.SQLITE_FULL if code in _SHM_WITHOUT_SPACE and _disk_is_full(exc) else code & _PRIMARY
            return *_SQLITE.get(plain, (None, "")), str(exc)
        return None, "", ""
    state = getattr(exc, "sqlstate", None) or getattr(exc, "pgcode", None)
    if isinstance(state, str):
        if state in _POSTGRES:
            return *_POSTGRES[state], _first_line(exc)
        if state[:2] in _POSTGRES_CLASSES:
            return Held, _POSTGRES_CLASSES[state[:2]], _first_line(exc)
        return None, "", ""
    if isinstance(exc, PoolTimeout):
        return Held, "{place} is busy: no connection became free in time", ""
    if isinstance(exc, DBAPIError) and exc.connection_invalidated:
        return Held, _UNREACHABLE, "the connection was lost"
    if isinstance(exc, OSError):
        if exc.errno in _OS:
            return *_OS[exc.errno], _first_line(exc)
        return Held, _UNREACHABLE, _first_line(exc)
    return None, "", ""


def _disk_is_full(exc: sqlite3.Error) -> bool:
    return "full" in str(exc) or getattr(exc, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE


def _first_line(exc: BaseException) -> str:
    text = str(exc).strip()
    return text.splitlines()[0] if text else type(exc).__name__
