"""One page that opens from disk: what to train, how sure that is, and what it rests on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from bayescamel._version import __version__
from bayescamel.exceptions import PlotError, TargetError
from bayescamel.input import shown
from bayescamel.output import check_output, write_whole
from bayescamel.plots.style import said_once
from bayescamel.posterior import Posterior
from bayescamel.reports import sections
from bayescamel.reports.appendix import appendix
from bayescamel.reports.blocks import render
from bayescamel.reports.pdf import check_pdf, write_pdf
from bayescamel.runs.sizes import count
from bayescamel.study import Study
from bayescamel.study.urls import masked
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.benchmarks import BenchmarkPosterior
    from bayescamel.comparison.backtest import Result
    from bayescamel.decisions import Objective


@said_once()
def report(
    source: Posterior | Study,
    target: Target | None = None,
    out: str | Path = "report.html",
    *,
    objective: "Objective" = None,
    benchmarks: "BenchmarkPosterior | None" = None,
    runs: xr.Dataset | None = None,
    backtest: "Sequence[Result] | None" = None,
    pdf: str | Path | None = None,
    command: str | None = None,
    force: bool = False,
    seed: int = 0,
) -> Path:
    """Write the page: self-contained, light and dark, printable, tables that copy as CSV.

    Parameters
    ----------
    source
        A posterior, or a study whose posterior, target and objective are taken.
    target
        The model that is decided for; None: the study's.
    out
        The file to write.
    objective
        As in `Posterior.optimal_mixture`, or weights over `benchmarks`; None: the study's, else
        all validation domains alike.
    benchmarks
        The step from loss to benchmark, to say what accuracies to expect.
    runs
        Runs that were not fitted, such as the first of a larger size: their measured losses are
        held against what was predicted of them. Those that were fitted are left out.
    backtest
        Of `bayescamel.comparison.backtest.backtest` on these runs.
    pdf
        Print the page there too, by Chromium or a browser made of it.
    command
        What makes the page again, for its appendix; None: a call of this function. Passwords of
        databases are masked.
    force
        Overwrite a file that is there.
    seed
        Of the decision.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    PlotError
        When a posterior comes without a target, all of `runs` were fitted, or there is no browser
        to print a PDF.
    TargetError
        When the objective names neither validation domains nor benchmarks.
    StorageError
        When the file is there already, or cannot be written.
    StudyError
        When a study has too few runs.
    """
    path = Path(out)
    check_output(path, force)
    browser = None if pdf is None else check_pdf(Path(pdf), force)
    study = source if isinstance(source, Study) else None
    if isinstance(source, Study):
        posterior = source.posterior()
        target = target or source.settings.target
        objective = source.settings.objective if objective is None else objective
    else:
        posterior = source
    if target is None:
        raise PlotError("a report of a posterior needs a target (--params, --tokens)")
    held_out = None if runs is None else _not_fitted(runs, posterior.runs)
    aim = _aim(objective, posterior, benchmarks, seed)
    best = posterior.optimal_mixture(target, aim, seed=seed)
    parts = [
        sections.decision(best),
        sections.quality(posterior, target, best, benchmarks),
        sections.basis(posterior, target, best),
        sections.trust(posterior, target, backtest, held_out),
        sections.next_runs(posterior, target, study),
        appendix(posterior, _without_passwords(command or f"bayescamel.report(..., {target!r})")),
    ]
    tokens = "" if target.n_tokens is None else f" on {count(target.n_tokens)} tokens"
    active = ""
    if target.n_active_params is not None:
        active = f" ({count(target.n_active_params)} active)"
    title = f"Data mixture for {count(target.n_params)} parameters{active}{tokens}"
    lead = _lead(posterior, best.regret, best.unit)
    footer = f"Made by bayescamel {__version__}. Nothing on this page was fetched from anywhere."
    write_whole(path, render(title, lead, parts, footer).encode())
    if pdf is not None and browser is not None:
        write_pdf(path, Path(pdf), browser)
    return path


def _aim(
    objective: "Objective",
    posterior: Posterior,
    benchmarks: "BenchmarkPosterior | None",
    seed: int,
) -> "Objective":
    """The objective over losses; weights of names that are benchmarks are over those."""
    if not isinstance(objective, Mapping):
        return objective
    losses = {str(name) for name in posterior.runs["validation"].to_numpy()}
    if benchmarks is None or set(objective) <= losses:
        return objective  # an unknown name is refused by who reads it
    known = {str(name) for name in benchmarks.facts["benchmark"].to_numpy()}
    if unknown := [name for name in objective if name not in known]:
        raise TargetError(
            f"objective: {shown(unknown[0])!r} is no benchmark, and an objective is over losses or "
            f"over benchmarks; the benchmarks are: {', '.join(sorted(known))}"
        )
    return benchmarks.objective(posterior, objective, seed)


def _without_passwords(command: str) -> str:
    """A command as it may stand on a page that is handed on."""
    return " ".join(masked(word) if "://" in word else word for word in command.split(" "))


def _not_fitted(runs: xr.Dataset, fitted: xr.Dataset) -> xr.Dataset:
    """Those of the runs that the posterior has not seen."""
    new = ~runs["run"].isin(fitted["run"])
    if not new.any():
        raise PlotError("every one of the runs (--runs) was fitted: give some that were not")
    return runs.isel(run=new.to_numpy())


def _lead(posterior: Posterior, regret: float, unit: str) -> str:
    """The answer's worth in two sentences, doubts first."""
    held = ""
    if not posterior.status.converged:
        held = "Do not rely on this: the chains did not converge (section 3 has the remedies). "
    if n := len(posterior.caveats):
        caveats = f"{n} caveat{'s' * (n > 1)}"
        held += f"Read the {caveats} in section 3 before you use this. "
    return f"{held}Expected regret of the recommended mixture: {regret:.4f} {unit}."
