"""The posterior of a study's runs: sampled when there are new ones, from the last where it can.

A file beside the database keeps it between processes. It only saves time: one that is missing,
old, broken or of something else is sampled again.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
from functools import cached_property
from pathlib import Path

import pandas as pd
import xarray as xr

from bayescamel.exceptions import StorageError, StudyError
from bayescamel.inference.fit import fit
from bayescamel.inference.progress import Show
from bayescamel.inference.warm_start import can_start_from
from bayescamel.input import shown
from bayescamel.laws import get_law
from bayescamel.models.problem import hierarchy_for
from bayescamel.output import cache_folder, private_folder
from bayescamel.posterior import Posterior
from bayescamel.runs.columns import column
from bayescamel.runs.table import fingerprint, read_runs
from bayescamel.study.records import KINDS
from bayescamel.study.rows import StoredRun
from bayescamel.study.settings import Settings
from bayescamel.study.storage import Storage

MAX_WARM_RHAT = 1.03
"""R-hat below which a refit from the last posterior is used; beyond it, it is done from scratch."""

N_KEPT = 2
"""Files that stay: the newest, and the one before it for a worker that is still reading."""

log = logging.getLogger(__name__)


def run_table(runs: tuple[StoredRun, ...], domains: tuple[str, ...]) -> pd.DataFrame:
    """Told runs as a wide table, `bayescamel.read_runs`' columns and ``flops, seed``."""
    rows = []
    for run in runs:
        measured = run.measured or {}
        row = {
            "run_id": run.run_id,
            "n_params": run.n_params,
            "n_active_params": run.n_active_params,
            "n_tokens": run.n_tokens,
            "flops": run.flops,
            "seed": run.seed,
        }
        row |= {column("mixture", name): run.mixture.get(name, 0.0) for name in domains}
        for kind in KINDS:
            row |= {column(kind, name): value for name, value in measured.get(kind, {}).items()}
        rows.append(row)
    table = pd.DataFrame(rows)
    if len(table) and table["n_active_params"].isna().all():
        return table.drop(columns="n_active_params")
    return table


def as_runs(runs: tuple[StoredRun, ...], domains: tuple[str, ...]) -> xr.Dataset:
    """Told runs as a run table."""
    return read_runs(run_table(runs, domains).drop(columns=["flops", "seed"]))


def check_run(run: StoredRun, domains: tuple[str, ...]) -> None:
    """Refuse a run that could not be read back: the rules are those of `bayescamel.read_runs`.

    Raises
    ------
    StudyError, RunTableError
        Naming the run, the column and the value.
    """
    for name in run.mixture:
        if name not in domains:
            raise StudyError(
                f"run {run.run_id!r}: unknown training domain {shown(repr(name))}; the study's "
                f"are: {', '.join(domains)}"
            )
    as_runs((run,), domains)


class Posteriors:
    """The posterior of the runs that were told, kept in memory and in a file.

    A file's name is a hash of the study, of what was fitted how, and of the runs: no study gets
    another's. What it holds is compared all the same, and sampled again where it differs.
    """

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._settings = settings
        self._last: Posterior | None = None
        self.watch: Show = False
        """Who is told how far a fit is."""
        file = storage.database.file
        if file is None:
            self._folder, self._place = cache_folder() / "studies", str(storage.database)
        else:  # beside it, and with it when it is moved
            self._folder, self._place = file.with_name(f"{file.stem}.posteriors"), ""

    @cached_property
    def _study(self) -> str:
        """The study and how it fits, as part of a file's name."""
        known = [self._place, self._storage.name, repr(self._storage.created())]
        options = json.dumps(dataclasses.asdict(self._settings.fit), sort_keys=True)
        return hashlib.sha256("\0".join([*known, options]).encode()).hexdigest()[:24]

    def of(self, runs: xr.Dataset) -> Posterior:
        """The posterior of `runs`: remembered, read, or sampled."""
        wanted = fingerprint(runs)
        if self._last is None:
            self._last = self._read(self._file(wanted)) or self._newest()
        if self._last is None or not self._suits(self._last, runs):
            self._last = self._sample(runs, self._last)
            self._keep(self._last, wanted)
        return self._last

    def _suits(self, posterior: Posterior, runs: xr.Dataset) -> bool:
        """Whether it is of these runs, by the law and hierarchy that would be fitted now."""
        return posterior.runs.attrs["fingerprint"] == fingerprint(runs) and self._is_alike(
            posterior, runs
        )

    def _is_alike(self, posterior: Posterior, runs: xr.Dataset) -> bool:
        """Whether a refit of `runs` may begin where this one stood."""
        hierarchy = hierarchy_for(runs, get_law(self._settings.fit.law))
        return can_start_from(posterior, hierarchy, runs)

    def _sample(self, runs: xr.Dataset, before: Posterior | None) -> Posterior:
        options = self._settings.fit
        if before is not None and self._is_alike(before, runs):
            warm = fit(
                runs, law=options.law, sampler=options, warm_start=before, progress=self.watch
            )
            if warm.status.rhat_max < MAX_WARM_RHAT:
                return warm
        return fit(runs, law=options.law, sampler=options, progress=self.watch)

    def _file(self, wanted: str) -> Path:
        return self._folder / f"{self._study}-{wanted[:16]}.nc"

    def _newest(self) -> Posterior | None:
        """The newest file that can be read, to begin from."""
        return next(filter(None, map(self._read, self._files())), None)

    def _read(self, path: Path) -> Posterior | None:
        if not path.exists():
            return None
        try:
            return Posterior.load(path)
        except StorageError as error:
            # The error names the file by where it is.
            log.warning("a posterior that was kept is sampled again: %s", error)
            return None

    def _files(self) -> list[Path]:
        """Those of this study, newest first; another worker may delete any meanwhile."""
        times = {}
        for path in self._folder.glob(f"{self._study}-*.nc"):
            with contextlib.suppress(FileNotFoundError):
                times[path] = path.stat().st_mtime
        return sorted(times, key=lambda path: -times[path])

    def _keep(self, posterior: Posterior, wanted: str) -> None:
        try:
            if self._place:
                private_folder(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
            posterior.save(self._file(wanted), force=True)
            for path in self._files()[N_KEPT:]:
                path.unlink(missing_ok=True)
        except (OSError, StorageError) as error:
            log.warning("the posterior could not be kept beside the database: %s", error)
