"""`next_runs`: the candidates of a table that teach the most about a target per FLOP."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.designs.acquisitions import ObjectiveVarianceReduction, target_variance
from bayescamel.designs.candidates import check_candidates, target_table, training_flops
from bayescamel.designs.choose import choose
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.draws.draws import Draws
from bayescamel.exceptions import TargetError
from bayescamel.mixtures import as_mixtures
from bayescamel.targets import Target, objective_weights


def next_runs(
    posterior: Draws,
    candidates: pd.DataFrame,
    target: Target,
    *,
    n: int = 3,
    budget: float | None = None,
    objective: Mapping[str, float] | None = None,
    mixtures: xr.DataArray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Choose the candidates that most reduce the variance of the target's objective per FLOP.

    Parameters
    ----------
    candidates
        See `bayescamel.designs.candidates.check_candidates`.
    n
        How many to choose at most.
    budget
        FLOPs that the chosen may cost together; None: no limit.
    objective
        Weights over validation domains; None weighs all alike.
    mixtures
        Where the objective shall be known, dims (mixture, domain); None: at every measured
        mixture, alike.
    seed
        Of the sample of candidates from which their description is learned.

    Returns
    -------
    DataFrame
        The chosen candidates in order, with ``flops``, ``variance_reduction`` (share of the
        objective's present variance that the run removes after those above it) and ``per_flop``.

    Raises
    ------
    TargetError
        When no candidate is within the budget, or n is not positive.
    """
    if n < 1:
        raise TargetError(f"n = {n}: choose at least one run")
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    table = check_candidates(candidates, domains, "n_tokens" in posterior.runs)
    flops = training_flops(table)
    if budget is not None and flops.min() > budget:
        raise TargetError(
            f"the budget of {budget:.3g} FLOPs is below the cheapest candidate's "
            f"{flops.min():.3g}: raise the budget or offer smaller runs"
        )
    if mixtures is None:
        mixtures = as_mixtures(np.unique(posterior.runs["mixture"].to_numpy(), axis=0), domains)
    weights = objective_weights(objective, posterior.runs["validation"].to_numpy())
    predictive = PredictiveDraws.of(posterior)
    wanted = target_table(target, mixtures.to_numpy(), predictive.domains)
    surrogate = surrogate_of(predictive, wanted, weights, table, seed=seed)
    start = AcquisitionInputs(table, flops, table.iloc[:0].assign(flops=[]), surrogate, seed)
    limit = np.inf if budget is None else budget
    chosen, inputs = choose(ObjectiveVarianceReduction(), start, n, limit)
    left = [target_variance(s.require_surrogate(), "objective") for s in inputs]
    left.append(target_variance(inputs[-1].after(chosen[-1]).require_surrogate(), "objective"))
    removed = -np.diff(left) / left[0]
    result = table.iloc[chosen].assign(
        flops=flops[chosen], variance_reduction=removed, per_flop=removed / flops[chosen]
    )
    return result.reset_index(drop=True)
