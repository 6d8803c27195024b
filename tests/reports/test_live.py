"""The page of a study that runs: written when there is something new, and never in the way."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bayescamel.exceptions import StorageError
from bayescamel.reports import live
from bayescamel.study.loop import Progress


@pytest.fixture
def study() -> Any:
    """A study whose outlook is whatever the test says."""
    made = SimpleNamespace(outlook=None)
    made.last_outlook = lambda: made.outlook
    return made


def test_a_page_is_written_once_for_each_outlook(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(live, "report", lambda _, **asked: written.append(asked))
    page = live.LivePage(study, Path("page.html"), "bayescamel report study.db")
    progress = Progress()
    page(progress)
    assert written == []  # too few runs for a posterior
    study.outlook = object()
    page(progress)
    page(progress)
    assert written == [
        {"out": Path("page.html"), "command": "bayescamel report study.db", "force": True}
    ]
    study.outlook = object()
    page(progress)
    assert len(written) == 2
    assert progress.said == ["page: page.html"] * 2


def test_a_page_that_cannot_be_written_ends_no_training(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("page.html cannot be written: no space left on device")

    monkeypatch.setattr(live, "report", full)
    study.outlook = object()
    progress = Progress()
    live.LivePage(study, Path("page.html"), "")(progress)
    assert progress.said == [
        "the page was not written: page.html cannot be written: no space left on device"
    ]
