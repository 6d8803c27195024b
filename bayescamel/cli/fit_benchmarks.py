"""``bayescamel fit-benchmarks``: runs with benchmarks in, benchmark posterior out."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import (
    answer,
    check_converged,
    diagnosis,
    guarded,
    names,
    quiet_stdout,
    say,
    worth,
)
from bayescamel.inference.sampler import Sampler
from bayescamel.output import check_output

if TYPE_CHECKING:
    import pandas as pd

    from bayescamel.benchmarks.posterior import BenchmarkPosterior
    from bayescamel.benchmarks.readers import Joined


class Layout(StrEnum):
    """How evaluation results lie on disk."""

    lm_harness = "lm-harness"
    olmes = "olmes"
    table = "table"


@guarded
def fit_benchmarks(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="Benchmark posterior to write, .nc.")],
    where: options.Rows = None,
    losses: options.Losses = None,
    law: options.LawName = "simplex",
    measures: options.Measured = options.Measures.accuracy,
    benchmark_table: options.BenchmarkTable = None,
    evaluations: Annotated[
        Path | None, typer.Option(help="Evaluation results to join to the runs.")
    ] = None,
    layout: Annotated[Layout, typer.Option(help="How those lie on disk.")] = Layout.lm_harness,
    key: Annotated[
        str,
        typer.Option(help="What names a model there: model, folder, or the table's column."),
    ] = "model",
    on: Annotated[str, typer.Option(help="Column of the run table that holds it.")] = "run_id",
    chains: options.Chains = 4,
    draws: options.Draws = 500,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    strict: options.Strict = False,
    allow_unconverged: options.AllowUnconverged = False,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit the step from loss to benchmark and save its posterior."""
    check_output(out, force)
    with quiet_stdout():
        from bayescamel.runs.table import read_runs

        source: Path | pd.DataFrame = runs
        questions = None
        if evaluations is not None:
            joined = _joined(runs, evaluations, layout, key, on)
            say(str(joined), err=True)
            source, questions = joined.table, joined.questions
        table = read_runs(source, where=where, losses=names(losses))

        from bayescamel.benchmarks.fitting import fit_benchmarks as sample

        posterior = sample(
            table,
            law,
            benchmarks=benchmark_table,
            questions=questions,
            measures=measures.value,
            sampler=Sampler(chains, draws, tune, seed),
            strict=strict,
        )
        posterior.save(out, force=force)
    if json:
        answer(summary(posterior))
    else:
        say(f"{posterior!r}\nwritten to {out}")
    check_converged(posterior, allow_unconverged)


def _joined(runs: Path, evaluations: Path, layout: Layout, key: str, on: str) -> "Joined":
    from bayescamel.benchmarks.readers import (
        join_evaluations,
        read_lm_harness,
        read_olmes,
        read_results_table,
    )
    from bayescamel.exceptions import BenchmarkError

    if layout is Layout.table:
        return join_evaluations(runs, read_results_table(evaluations, key=key), on=on)
    read = read_lm_harness if layout is Layout.lm_harness else read_olmes
    if key == "model":
        return join_evaluations(runs, read(evaluations, key="model"), on=on)
    if key == "folder":
        return join_evaluations(runs, read(evaluations, key="folder"), on=on)
    raise BenchmarkError(f"--key {key}: results in this layout name a model by model or folder")


def summary(posterior: "BenchmarkPosterior") -> dict[str, object]:
    """What ``--json`` says about a fit."""
    moving = posterior.facts["above_chance"]
    return {
        "law": posterior.law.name,
        "n_runs": posterior.runs.sizes["run"],
        "benchmarks": {
            str(name): {"above_chance": bool(moving.sel(benchmark=name))}
            for name in moving["benchmark"].to_numpy()
        },
        **worth(posterior),
        **diagnosis(posterior.status),
    }
