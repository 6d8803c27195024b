"""One page that opens from disk: what to train, how sure that is, and what it rests on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bayescamel._version import __version__
from bayescamel.exceptions import PlotError
from bayescamel.output import check_output, write_whole
from bayescamel.plots.style import count
from bayescamel.posterior import Posterior
from bayescamel.reports import sections
from bayescamel.reports.blocks import render
from bayescamel.study import Study
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.benchmarks import BenchmarkPosterior
    from bayescamel.comparison.backtest import Result
    from bayescamel.decisions import Objective


def report(
    source: Posterior | Study,
    target: Target | None = None,
    out: str | Path = "report.html",
    *,
    objective: "Objective" = None,
    benchmarks: "BenchmarkPosterior | None" = None,
    backtest: "Sequence[Result] | None" = None,
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
        As in `Posterior.optimal_mixture`; None: the study's, else all validation domains alike.
    benchmarks
        The step from loss to benchmark, to say what accuracies to expect.
    backtest
        Of `bayescamel.comparison.backtest.backtest` on these runs.
    command
        What makes the page again, for its appendix; None: a call of this function.
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
        When a posterior comes without a target.
    StorageError
        When the file is there already, or cannot be written.
    StudyError
        When a study has too few runs.
    """
    path = Path(out)
    check_output(path, force)
    study = source if isinstance(source, Study) else None
    if isinstance(source, Study):
        posterior = source.posterior()
        target = target or source.settings.target
        objective = source.settings.objective if objective is None else objective
    else:
        posterior = source
    if target is None:
        raise PlotError("a report of a posterior needs a target (--params, --tokens)")
    best = posterior.optimal_mixture(target, objective, seed=seed)
    parts = [
        sections.decision(best),
        sections.quality(posterior, target, best, benchmarks),
        sections.basis(posterior, target, best),
        sections.trust(posterior, backtest),
        sections.next_runs(posterior, target, study),
        sections.appendix(posterior, command or f"bayescamel.report(..., {target!r})"),
    ]
    tokens = "" if target.n_tokens is None else f" on {count(target.n_tokens)} tokens"
    active = ""
    if target.n_active_params is not None:
        active = f" ({count(target.n_active_params)} active)"
    title = f"Data mixture for {count(target.n_params)} parameters{active}{tokens}"
    lead = _lead(posterior, best.regret, best.unit)
    footer = f"Made by bayescamel {__version__}. Nothing on this page was fetched from anywhere."
    write_whole(path, render(title, lead, parts, footer).encode())
    return path


def _lead(posterior: Posterior, regret: float, unit: str) -> str:
    """The answer's worth in two sentences, doubts first."""
    doubts = []
    if not posterior.status.converged:
        doubts.append("the chains did not converge")
    if posterior.caveats:
        n = len(posterior.caveats)
        doubts.append(f"{n} caveat{'s' * (n > 1)} against it in section 3")
    held = "Do not rely on this yet: " + "; ".join(doubts) + ". " if doubts else ""
    return f"{held}Expected regret of the recommended mixture: {regret:.4f} {unit}."
