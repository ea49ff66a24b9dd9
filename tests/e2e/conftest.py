"""The databases of tests.databases, for the end-to-end tests too."""

from tests.databases import database_url, postgres_url

__all__ = ["database_url", "postgres_url"]
