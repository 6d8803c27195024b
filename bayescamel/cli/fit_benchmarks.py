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
    doubts_in_answer,
    guarded,
    names,
    quiet_stdout,
    read_table,
    say,
    worth,
)
from bayescamel.exceptions import BenchmarkError
from bayescamel.inference.sampler import Sampler
from bayescamel.input import shown
from bayescamel.output import check_output

if TYPE_CHECKING:
    import pandas as pd

    from bayescamel.benchmarks.posterior import BenchmarkPosterior
    from bayescamel.benchmarks.readers import Joined
    from bayescamel.benchmarks.readers.lm_harness import Key


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
    column: options.Columns = None,
    history: options.Histories = None,
    renormalise: options.Renormalise = False,
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
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="task=metric of lm-harness, where a task has several: "
            "gsm8k=exact_match,strict-match; repeatable."
        ),
    ] = None,
    every_file: Annotated[
        bool, typer.Option("--every-file", help="Refuse all for one result that cannot be read.")
    ] = False,
    benchmarks: options.Benchmarks = None,
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
        source: Path | pd.DataFrame = runs
        questions = None
        if evaluations is not None:
            from bayescamel.benchmarks.table import chosen_names
            from bayescamel.runs.mapping import parse_mapping
            from bayescamel.runs.tidy import prepared

            rows, notes = prepared(runs, parse_mapping(column or []), history)
            column = history = None
            for note in notes:
                say(f"note: {note}", err=True)
            chosen = chosen_names(names(benchmarks))
            joined = _joined(
                rows, evaluations, layout, key, on, _metrics(metric), chosen, every_file
            )
            say(str(joined), err=True)
            source, questions = joined.table, joined.questions
        table = read_table(
            source, column, history, where=where, losses=losses, renormalise=renormalise
        )

        from bayescamel.benchmarks.fitting import fit_benchmarks as sample
        from bayescamel.benchmarks.table import choose_benchmarks

        table = choose_benchmarks(table, names(benchmarks))
        with doubts_in_answer(json):
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
    for name, known in posterior.facts["known_as"].to_series().items():
        if name != known:
            say(f"note: {name} is taken for {known}: its chance and questions", err=True)
    if json:
        answer(summary(posterior))
    else:
        say(f"{posterior!r}\nwritten to {out}")
    check_converged(posterior, allow_unconverged)


def _metrics(items: list[str] | None) -> dict[str, str]:
    chosen = {}
    for item in items or []:
        task, equals, name = item.partition("=")
        if not (equals and task and name):
            raise BenchmarkError(f"metric {shown(repr(item))} is not of the form task=metric")
        chosen[task.strip()] = name.strip()
    return chosen


def _joined(
    runs: "pd.DataFrame",
    evaluations: Path,
    layout: Layout,
    key: str,
    on: str,
    choose: dict[str, str],
    benchmarks: list[str] | None,
    strict: bool,
) -> "Joined":
    from bayescamel.benchmarks.readers import (
        join_evaluations,
        read_lm_harness,
        read_olmes,
        read_results_table,
    )

    if layout is Layout.table:
        return join_evaluations(runs, read_results_table(evaluations, key=key), on=on)
    if key not in ("model", "folder"):
        raise BenchmarkError(f"--key {key}: results in this layout name a model by model or folder")
    named: Key = "model" if key == "model" else "folder"
    if layout is Layout.olmes:
        found = read_olmes(evaluations, key=named, benchmarks=benchmarks, strict=strict)
    else:
        found = read_lm_harness(
            evaluations, key=named, choose=choose, benchmarks=benchmarks, strict=strict
        )
    return join_evaluations(runs, found, on=on)


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
