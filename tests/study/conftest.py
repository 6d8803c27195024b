"""Databases for the tests: each test of storage runs on SQLite and on PostgreSQL.

PostgreSQL needs a server: its tests are deselected unless BAYESCAMEL_TEST_POSTGRESQL has the URL
of one (`.ci/postgresql` starts it, and `.ci/run` fails without).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bayescamel.study import Study, posteriors
from tests.study.examples import create
from tests.study.new_database import SERVER, new_postgresql


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SERVER in os.environ:
        return
    away = [item for item in items if item.get_closest_marker("postgresql")]
    config.hook.pytest_deselected(items=away)
    items[:] = [item for item in items if item not in away]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
    else:
        yield from new_postgresql()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    yield from new_postgresql()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(url: str) -> Study:
    """A new one."""
    return create(url)


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampling is not needed, and would fail."""

    def fit(*_args: object, **_options: object) -> Any:
        raise AssertionError("sampled")

    monkeypatch.setattr(posteriors, "fit", fit)
