"""Candidates: runs that could be trained, and their cost."""

import numpy as np
import pandas as pd

from bayescamel.exceptions import TargetError
from bayescamel.mixtures import as_mixtures
from bayescamel.runs.columns import column, columns, names_in
from bayescamel.runs.sizes import active_params
from bayescamel.targets import Target

NUMBERS = ("n_params", "n_tokens", "n_active_params")


def check_candidates(candidates: pd.DataFrame, domains: list[str], tokens: bool) -> pd.DataFrame:
    """Candidates in the order given, with ``run_id`` as text and weights of every domain.

    Parameters
    ----------
    candidates
        Columns ``run_id``, ``n_params``, ``n_tokens`` where the runs have tokens,
        ``n_active_params`` for sparse models, ``w_<domain>``, ``unique_<domain>`` where tokens of a
        domain are to be repeated, and ``flops`` where their cost is known better than by 6 N D.

    Raises
    ------
    TargetError
        When a column is missing or a number is not positive and finite.
    MixtureError
        When the weights of a candidate are no mixture.
    """
    needed = ["run_id", "n_params", *(["n_tokens"] if tokens else [])]
    missing = [name for name in needed if name not in candidates]
    if missing:
        raise TargetError(f"candidates need the column {missing[0]!r}")
    if not len(candidates):
        raise TargetError("there are no candidates: give at least one")
    repeated = candidates["run_id"][candidates["run_id"].duplicated()]
    if len(repeated):
        raise TargetError(f"candidate {repeated.iloc[0]!r} is given twice: name each once")
    weights = as_mixtures(
        candidates[columns("mixture", names_in("mixture", candidates))]
        .set_axis(candidates["run_id"].astype(str), axis=0)
        .rename_axis("mixture"),
        domains,
    )
    result = pd.DataFrame({"run_id": candidates["run_id"].astype(str).to_numpy()})
    for name in NUMBERS:
        if name in candidates:
            result[name] = candidates[name].to_numpy(dtype=np.float64)
    for row in result[[name for name in NUMBERS if name in result]].to_dict("records"):
        Target.of_run(row)  # refuses what no model can be
    if "flops" in candidates:
        result["flops"] = candidates["flops"].to_numpy(dtype=np.float64)
        wrong = result[~((result["flops"] > 0) & np.isfinite(result["flops"]))]
        if len(wrong):
            raise TargetError(
                f"candidate {wrong['run_id'].iloc[0]!r}: flops = {wrong['flops'].iloc[0]:g}: a "
                "positive, finite number is needed; without the column it is 6 N D"
            )
    for i, domain in enumerate(domains):
        result[column("mixture", domain)] = weights.to_numpy()[:, i]
    for domain in names_in("unique", candidates):
        name = column("unique", domain)
        if domain not in domains:
            raise TargetError(f"candidates: {name!r} names no training domain: drop the column")
        result[name] = candidates[name].to_numpy(dtype=np.float64)
        wrong = result[result[name] <= 0]
        if len(wrong):
            raise TargetError(
                f"candidate {wrong['run_id'].iloc[0]!r}: {name} = {wrong[name].iloc[0]:g} is not "
                "positive; leave it empty where tokens have no end"
            )
    return result


def training_flops(candidates: pd.DataFrame) -> np.ndarray:
    """Cost of each candidate, (candidate,): its ``flops`` where given, else 6 N_active D.

    For tiny models 6 N D misses half, the head and attention: see `proxies.flops`.

    Raises
    ------
    TargetError
        When candidates tell no tokens, and so no cost.
    """
    if "flops" in candidates:
        return np.asarray(candidates["flops"].to_numpy(np.float64))
    if "n_tokens" not in candidates:
        raise TargetError("the cost of a candidate needs 'n_tokens': add the column")
    return np.asarray(6.0 * active_params(candidates) * candidates["n_tokens"].to_numpy())


def target_table(target: Target, mixtures: np.ndarray, domains: tuple[str, ...]) -> pd.DataFrame:
    """The target on each mixture (M, domain), as a table of runs."""
    table = pd.DataFrame(mixtures, columns=columns("mixture", domains))
    table["n_params"] = target.n_params
    table["n_active_params"] = target.n_active_params or np.nan
    table["n_tokens"] = np.nan if target.n_tokens is None else target.n_tokens
    for domain, tokens in target.available.items():
        table[column("unique", domain)] = tokens
    return table
