"""Guess which of their columns are ours, each with a reason that a person can judge.

Guesses by a name that people use for nothing else are certain: an export of a tracker is read by
them, and a note says so. All others are proposals, which `bayescamel import` shows.
"""

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import NamedTuple

import pandas as pd

from bayescamel.runs.columns import PREFIXES, SIZES, Kind, column
from bayescamel.runs.files import as_numbers, read_units
from bayescamel.runs.importers.wandb import last_part
from bayescamel.runs.mapping import PERPLEXITY, TWINS

RUN_NAMES = ("Name", "tags.mlflow.runName", "run_id", "run_name", "run", "name", "model", "ID")
SIZE_NAMES = {
    "n_params": ("n_params", "num_params", "parameter_count", "num_parameters", "n_parameters",
                 "non_embedding_params", "params", "parameters"),
    "n_active_params": ("n_active_params", "active_params", "num_active_params",
                        "active_parameters"),
    "n_tokens": ("n_tokens", "total_tokens", "num_tokens", "train_tokens", "tokens_seen",
                 "consumed_tokens", "tokens", "token_count"),
}  # fmt: skip
"""Last parts of the names of sizes, the most telling first."""

FAMILIES: dict[str, str] = {
    "mixture": r"(?:params\.|config[./])?(?:w|mix|mixture|weights|mixture_weights|data_mix)",
    "perplexity": r"(?:.*[/._])?(?:ppl|perplexity)",
    "loss": r"(?:.*[/._])?(?:val(?:id(?:ation)?)?|eval|test)?[/._]?(?:loss|nll)",
    "accuracy": r"(?:.*[/._])?(?:acc|accuracy)(?:_norm)?",
    "score": r"score",
}
"""What stands before the name of a domain or benchmark: ``eval/loss/web``."""
TAILS = {
    "perplexity": r"ppl|perplexity",
    "loss": r"(?:macro_|val_|eval_)?(?:loss|nll)",
    "accuracy": r"(?:acc|accuracy)(?:_norm)?(?:,none)?",
}
"""Or behind it: ``eval/web/loss``."""
CERTAIN = {"mixture", "loss", "accuracy", "score"}

WORST_LOSS = 25.0
"""Nats per token of a model that guesses among 10^10 tokens: more is a perplexity."""


class Proposal(NamedTuple):
    """One of their columns: what it is taken for, None for nothing, and why."""

    theirs: str
    ours: str | None
    reason: str
    certain: bool = False


def propose(table: pd.DataFrame) -> list[Proposal]:
    """What every column of a table looks like, in their order."""
    numbers, text = as_numbers(table)
    names = [str(name) for name in table.columns]
    read_units(table, numbers, text, names, names)
    number = {name for name in names if not text[name].any() and numbers[name].notna().any()}
    found: dict[str, Proposal] = {}
    for name in names:
        if name.endswith(TWINS) and name[: -len(TWINS[0])] in names:
            found[name] = Proposal(name, None, "an extreme of another column")
        elif name.startswith(tuple(PREFIXES.values())) or name in ("run_id", *SIZES):
            found[name] = Proposal(name, name, "is our name", True)
    _runs(table, names, found)
    _sizes(names, number, found)
    _named(numbers, [n for n in names if n in number], found)
    _mixtures(numbers, [n for n in names if n in number], found)
    taken: dict[str, str] = {}
    for name, proposal in found.items():
        if proposal.ours is not None and taken.setdefault(proposal.ours, name) != name:
            reason = f"{taken[proposal.ours]!r} is taken for {proposal.ours} already"
            found[name] = Proposal(name, None, reason)
    return [found.get(name, Proposal(name, None, "left as it is")) for name in names]


def certain(table: pd.DataFrame) -> dict[str, str]:
    """Ours by theirs, of the columns whose names leave no doubt."""
    return {p.theirs: p.ours for p in propose(table) if p.certain and p.ours and p.ours != p.theirs}


def _runs(table: pd.DataFrame, names: list[str], found: dict[str, Proposal]) -> None:
    for name in RUN_NAMES:
        if name in names and table[name].notna().all() and table[name].is_unique:
            found.pop("run_id", None)
            found[name] = Proposal(name, "run_id", "names every row once", name == RUN_NAMES[0])
            return
        if name in ("Name", "run_id") and name in names:
            found[name] = Proposal(name, "run_id", "names runs; some rows share one", True)
            return
    for name in names:
        texts = (
            pd.api.types.is_string_dtype(table[name])
            and not pd.to_numeric(table[name], errors="coerce").notna().any()
        )
        if name not in found and texts and table[name].notna().all() and table[name].is_unique:
            found[name] = Proposal(name, "run_id", "is a text that no two rows share")
            return


def _sizes(names: list[str], number: set[str], found: dict[str, Proposal]) -> None:
    for ours, theirs in SIZE_NAMES.items():
        for tail in theirs:
            fitting = [n for n in names if n in number and last_part(n) == tail]
            if fitting and ours not in found:
                alone = len(fitting) == 1
                found[fitting[0]] = Proposal(fitting[0], ours, f"is called {tail!r}", alone)
                break


def _named(numbers: pd.DataFrame, names: list[str], found: dict[str, Proposal]) -> None:
    for name in names:
        if name in found or re.search(r"(^|[/._])train", name) or "stderr" in name.lower():
            continue
        for kind, before in FAMILIES.items():
            match = re.fullmatch(rf"(?:{before})[/._](.+)", name)
            behind = re.fullmatch(rf"(.+)[/.](?:{TAILS.get(kind, '(?!)')})", name)
            if match or behind:
                domain = _domain((behind or match)[1])  # type: ignore[index]
                certain = kind in CERTAIN and behind is None
                found[name] = _proposal(name, kind, domain, numbers[name], certain)
                break


def _proposal(name: str, kind: str, domain: str, values: pd.Series, certain: bool) -> Proposal:
    if kind == "loss" and values.median() > WORST_LOSS:
        reason = f"called a loss, but {values.median():.3g} in the middle: a perplexity"
        return Proposal(name, PERPLEXITY + domain, reason)
    if kind == "perplexity":
        return Proposal(name, PERPLEXITY + domain, "is called a perplexity: its logarithm is read")
    ours: Kind = kind  # type: ignore[assignment]  # the others are ours
    low, high = values.min(), values.max()
    reason = f"is called {'a weight' if kind == 'mixture' else kind}, {low:.3g} to {high:.3g}"
    return Proposal(name, column(ours, domain), reason, certain)


def _domain(rest: str) -> str:
    """The name of a domain or benchmark, of a path the file's."""
    rest = rest.strip("/._")
    if "/" in rest:
        path = PurePosixPath(rest)
        rest = path.stem if path.suffix in (".jsonl", ".json", ".bin", ".npy") else path.name
    return rest


def _mixtures(numbers: pd.DataFrame, names: list[str], found: dict[str, Proposal]) -> None:
    """Columns of one prefix whose rows sum to 1 or to 100."""
    if any(p.ours and p.ours.startswith(PREFIXES["mixture"]) for p in found.values()):
        return
    families: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name not in found:
            families["".join(re.split(r"([/.:_])", name)[:-1])].append(name)
    for family, members in families.items():
        values = numbers[members]
        for total in (1.0, 100.0):
            sums = values.sum(axis=1)
            if (
                len(members) > 1
                and (values >= 0).all(axis=None)
                and (abs(sums / total - 1) < 0.01).all()
            ):
                for name in members:
                    domain = name[len(family) :]
                    reason = f"the {len(members)} columns {family}* sum to {total:g} in every row"
                    found[name] = Proposal(name, column("mixture", domain), reason)
                return
