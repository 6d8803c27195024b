"""The posterior of a study's runs: sampled when there are new ones, from the last where it can.

A file beside the database keeps it between processes, named by the fingerprint of the runs that it
was fitted to. It only saves time: a file that is missing, old or broken is sampled again.
"""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import StorageError
from bayescamel.inference.fit import cache_folder, fit, minimum_runs
from bayescamel.posterior import Posterior
from bayescamel.runs.table import fingerprint, read_runs
from bayescamel.study.rows import StoredRun
from bayescamel.study.settings import Settings
from bayescamel.study.storage import Storage

AGREED = 1.03
"""R-hat below which a refit from the last posterior is used; beyond it, it is done from scratch."""

KEPT = 2
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
        row |= {f"w_{name}": run.mixture.get(name, 0.0) for name in domains}
        for kind, prefix in (("loss", "loss_"), ("accuracy", "acc_"), ("score", "score_")):
            row |= {f"{prefix}{name}": value for name, value in measured.get(kind, {}).items()}
        rows.append(row)
    table = pd.DataFrame(rows)
    if len(table) and table["n_active_params"].isna().all():
        return table.drop(columns="n_active_params")
    return table


def as_runs(runs: tuple[StoredRun, ...], domains: tuple[str, ...]) -> xr.Dataset:
    """Told runs as a run table."""
    return read_runs(run_table(runs, domains).drop(columns=["flops", "seed"]))


def can_fit(runs: xr.Dataset) -> bool:
    """Whether a law over size and mixture can be learned from these runs."""
    sizes = [runs["n_params"].to_numpy()]
    if "n_active_params" in runs:
        sizes.append(runs["n_active_params"].fillna(runs["n_params"]).to_numpy())
    several = len(np.unique(np.stack(sizes), axis=1).T) > 1
    every_domain = bool((runs["mixture"].max("run") > 0).all())
    return several and every_domain and runs.sizes["run"] >= minimum_runs(runs)


class Posteriors:
    """The posterior of the runs that were told, kept in memory and in a file."""

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._settings = settings
        file = storage.database.file
        if file is None:
            self._folder = cache_folder() / "studies"
        else:
            self._folder = file.with_name(f"{file.stem}.posteriors")
        # In a shared folder the study's database is part of its name.
        self._prefix = (
            storage.name if file is not None else _key(str(storage.database), storage.name)
        )
        self._last: Posterior | None = None

    def of(self, runs: xr.Dataset) -> Posterior:
        """The posterior of `runs`: remembered, read, or sampled."""
        wanted = fingerprint(runs)
        if self._last is None:
            self._last = self._newest(wanted)
        if self._last is None or self._last.runs.attrs["fingerprint"] != wanted:
            self._last = self._sample(runs, self._last)
            self._keep(self._last, wanted)
        return self._last

    def _sample(self, runs: xr.Dataset, before: Posterior | None) -> Posterior:
        options = dataclasses.asdict(self._settings.fit)
        if before is not None and _same_shape(before, runs):
            warm = fit(runs, **options, warm_start=before, progress=False)
            if warm.status.rhat_max < AGREED:
                return warm
        fresh: Posterior = fit(runs, **options, progress=False)
        return fresh

    def _file(self, wanted: str) -> Path:
        return self._folder / f"{self._prefix}-{wanted[:16]}.nc"

    def _newest(self, wanted: str) -> Posterior | None:
        """The file of these runs, else the newest one to begin from."""
        exact = self._file(wanted)
        files = [exact] if exact.exists() else []
        files += sorted(self._files(), key=lambda path: -path.stat().st_mtime)
        for path in files:
            try:
                return Posterior.load(path)
            except StorageError as error:
                # The error names the file by where it is.
                log.warning("a posterior that was kept is sampled again: %s", error)
        return None

    def _files(self) -> list[Path]:
        return list(self._folder.glob(f"{self._prefix}-*.nc"))

    def _keep(self, posterior: Posterior, wanted: str) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            posterior.save(self._file(wanted), force=True)
        except OSError as error:
            log.warning("the posterior could not be kept beside the database: %s", error)
            return
        for path in sorted(self._files(), key=lambda path: -path.stat().st_mtime)[KEPT:]:
            path.unlink(missing_ok=True)


def _same_shape(before: Posterior, runs: xr.Dataset) -> bool:
    """Whether a refit of `runs` may begin where `before` stood."""
    from bayescamel.runs.sizes import is_sparse

    names = all(
        list(before.runs[dim].to_numpy()) == list(runs[dim].to_numpy())
        for dim in ("validation", "domain")
    )
    return names and before.hierarchy.sparse == is_sparse(runs)


def _key(database: str, name: str) -> str:
    import hashlib

    return f"{name}-{hashlib.sha256(f'{database}:{name}'.encode()).hexdigest()[:12]}"
