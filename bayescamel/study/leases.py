"""Leases of runs under way, kept while the loop lives."""

import logging
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from bayescamel.exceptions import StorageError
from bayescamel.study.study import Study

log = logging.getLogger(__name__)


class Leases:
    """Renews the leases of runs that are held, and gives them back at the end.

    A thread does it, since a refit may take longer than a lease, and a run whose lease has run out
    is handed out again. It ends with the process: the runs of one that was killed come back.

    Parameters
    ----------
    study
        Whose runs they are.
    seconds
        Of a lease.
    """

    def __init__(self, study: Study, seconds: float) -> None:
        self._study = study
        self.seconds = seconds
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if held := self.held():
            self._study.renew(held, 0)

    def held(self) -> list[str]:
        """Runs under way."""
        with self._lock:
            return sorted(self._held)

    def hold(self, run_ids: Iterable[str]) -> None:
        """Keep these from now on."""
        with self._lock:
            self._held.update(run_ids)

    def release(self, run_id: str) -> None:
        """Keep it no longer: it has ended."""
        with self._lock:
            self._held.discard(run_id)

    def _keep(self) -> None:
        while not self._ended.wait(self.seconds / 3):
            try:
                if held := self.held():
                    self._study.renew(held, self.seconds)
            except StorageError as error:
                log.warning("leases could not be renewed, and will be tried again: %s", error)
