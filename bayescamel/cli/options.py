"""Arguments and options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bayescamel.input import as_count


def count(text: str | float) -> float:
    """A count as people write it, for Typer; what no model can have is refused by the target."""
    try:
        return as_count(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


# How a command answers, and where.
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]

# Runs, and which of a table's rows and columns.
Runs = Annotated[
    Path,
    typer.Argument(
        help="Run table: .csv, .tsv, .jsonl (also .gz), .parquet, .feather, an export of Weights & "
        "Biases, or a folder of records."
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="theirs=ours for columns with other names, mix/{domain}=w_{domain} for many, ours=1 "
        "for a value, or the runs.toml that `bayescamel import` wrote; repeatable.",
    ),
]


Histories = Annotated[
    str | None,
    typer.Option(
        "--history", help="Rows are steps of runs: last, each column's last finite value."
    ),
]
Rows = Annotated[str | None, typer.Option(help="Rows to use: 'step == 30000 and n_params < 3e8'.")]
Losses = Annotated[str | None, typer.Option(help="Validation domains to use, separated by commas.")]
Renormalise = Annotated[
    bool, typer.Option("--renormalise", help="Accept weights off by up to 1 %.")
]

# What is fitted, and how it is sampled.
LawName = Annotated[str, typer.Option(help="The law to fit.")]
Chains = Annotated[int, typer.Option(help="Chains.")]
Draws = Annotated[int, typer.Option(help="Draws a chain, after warm-up.")]
Tune = Annotated[int, typer.Option(help="Warm-up steps a chain.")]
Seed = Annotated[int, typer.Option(min=0)]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail, and write nothing, without convergence.")
]
AllowUnconverged = Annotated[
    bool,
    typer.Option("--allow-unconverged", help="End with exit status 0, not 3, without convergence."),
]
BenchmarkTable = Annotated[
    Path | None, typer.Option(help="Benchmarks of your own: name, chance, questions.")
]

ResultTable = Annotated[Path | None, typer.Option("--out", help="CSV of all numbers to write.")]
Benchmarks = Annotated[
    str | None, typer.Option(help="Benchmarks to use, separated by commas; default: all.")
]

# The posterior that is asked, and the model that it is asked about.
PosteriorFile = Annotated[Path, typer.Argument(help="What `bayescamel fit` wrote.")]
Params = Annotated[
    float,
    typer.Option(
        parser=count, metavar="COUNT", help="Parameters of the target, non-embedding: 7B, 7e9."
    ),
]
MaybeParams = Annotated[
    float | None,
    typer.Option(parser=count, metavar="COUNT", help="Parameters of the target: 7B, 7e9."),
]
Tokens = Annotated[
    float | None,
    typer.Option(parser=count, metavar="COUNT", help="Training tokens of the target: 2T, 2e12."),
]
ActiveParams = Annotated[
    float | None,
    typer.Option(
        parser=count, metavar="COUNT", help="Parameters used per token (Mixture-of-Experts)."
    ),
]

# A study, its runs, and who asks.
StudyPlace = Annotated[
    str, typer.Argument(metavar="STUDY", help="study.db, or postgresql://user@host/database.")
]
StudyName = Annotated[str, typer.Option(help="Of the study, where several share a database.")]
RunId = Annotated[str, typer.Argument(help="The run, as it was asked for.")]
Worker = Annotated[str | None, typer.Option(help="Who asks; default: this process.")]


class Measures(StrEnum):
    """What of a benchmark is fitted."""

    accuracy = "accuracy"
    score = "score"
    both = "both"


Measured = Annotated[Measures, typer.Option(help="What to fit.")]
