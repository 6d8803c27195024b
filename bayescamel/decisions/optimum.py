"""The mixture to train a target on: a distribution over mixtures, and a recommendation."""

import numpy as np
import xarray as xr

from bayescamel.decisions.objectives import Objective
from bayescamel.decisions.problem import MAX_DRAWS, Problem, pose, solve
from bayescamel.decisions.result import Comparison, OptimalMixture
from bayescamel.decisions.risk import Risk
from bayescamel.draws.draws import Averaged
from bayescamel.draws.prediction import extrapolation, impossible
from bayescamel.draws.status import warn_of
from bayescamel.draws.summary import interval90
from bayescamel.exceptions import ExtrapolationWarning
from bayescamel.laws.repetition import Repetition
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.mixtures.constraints import Constraints
from bayescamel.mixtures.reach import Reach
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target

CERTAINTY = 0.9
"""Below this probability of being better, a mixture counts as not told from another."""

NEGLIGIBLE_SHARE = 1e-4
"""A gain below this share of the objective counts as none: a thirtieth of the run-to-run noise."""


def optimal_mixture(
    posterior: Averaged,
    target: Target,
    objective: Objective = None,
    *,
    constraints: Constraints | None = None,
    reference: Mixtures | None = None,
    risk: Risk | None = None,
    repetition: Repetition | None = None,
    certainty: float = CERTAINTY,
    max_draws: int = MAX_DRAWS,
    seed: int = 0,
) -> OptimalMixture:
    """Find the mixture of least posterior risk, and each draw's optimum.

    Parameters
    ----------
    posterior, target
        What is known, of one law or of several that are averaged; the model that the mixture is
        for.
    objective
        Weight by validation domain; None: all alike. Or a `WorstCase`, a `DrawObjective`, or a
        function of the losses.
    constraints
        What the mixture must satisfy; it does to 1e-9. Available tokens (`Target` tells them too)
        also decide how much a token is worth when it is repeated.
    reference
        One mixture to compare with, and to prefer when the posterior cannot tell it from the best.
    risk
        What of the objective's distribution is to be small; None: its mean.
    repetition
        What repeated tokens are taken to be worth, whatever the runs say. None: what the posterior
        learned where some run repeats tokens, else the default prior; the result's notes say which.
    certainty
        Probability of being better below which a mixture is not told from the near one.
    max_draws
        More draws than this are thinned.
    seed
        Of the starts.

    Raises
    ------
    TargetError
        When the objective does not suit the posterior, or tokens are missing or superfluous.
    MixtureError
        When the constraints or the reference name an unknown domain, or the constraints conflict;
        the message names those that do.
    """
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    problem = pose(
        posterior,
        target,
        objective,
        constraints=constraints,
        risk=risk,
        repetition=repetition,
        max_draws=max_draws,
        seed=seed,
    )
    given = None if reference is None else as_mixtures(reference, domains).to_numpy()[0]
    wanted = posterior.runs["mixture"].to_numpy().mean(axis=0) if given is None else given
    near = problem.allowed.repair(wanted[None])[0]
    least, optima = solve(problem, np.stack([near, wanted]))

    # With what the law misses: of the mixture of least risk, the near one, and the one wanted.
    local = problem.local_values(np.stack([least, near, wanted]))
    what = "the mean of the measured mixtures" if given is None else "the reference"
    against_near = _compare(what, domains, near, local[:, 1] - local[:, 0])
    negligible = NEGLIGIBLE_SHARE * abs(local[:, 0].mean())
    tied = against_near.probability < certainty or against_near.expected < negligible
    best, place = (near, 1) if tied else (least, 0)
    against_reference = None
    if given is not None:
        against_reference = _compare(what, domains, given, local[:, 2] - local[:, place])

    losses = problem.ensemble.losses(Sizes.of_target(problem.target, domains), best[None])
    doubts = impossible(losses, posterior.runs["validation"].to_numpy())
    warn_of(doubts, ExtrapolationWarning)

    at_best = problem.values(best[None])[:, 0]
    optima, regrets = problem.regret(best, at_best, optima)
    reach = Reach.of(posterior.runs)
    coords = {"domain": domains, "bound": ["lower90", "upper90"]}
    bounds = interval90(optima).T
    return OptimalMixture(
        recommended=xr.DataArray(best, {"domain": domains}, ("domain",), "recommended"),
        optimum=xr.DataArray(least, {"domain": domains}, ("domain",), "optimum"),
        optimum_interval=xr.DataArray(bounds, coords, ("domain", "bound"), "optimum_interval"),
        expected=float(at_best.mean()),
        regret=float(regrets.mean()),
        draws=xr.DataArray(optima, {"domain": domains}, ("sample", "domain"), "draws"),
        values=xr.DataArray(at_best, dims="sample", name="values"),
        regrets=xr.DataArray(regrets, dims="sample", name="regrets"),
        tied=bool(tied),
        against_near=against_near,
        against_reference=against_reference,
        extrapolation=how_far(problem, best),
        distance=reach.distance(best),
        reach=reach.radius,
        gain_extrapolated=_extrapolated(problem, reach, best, near, at_best),
        binding=problem.allowed.binding(best),
        target=problem.target,
        unit=problem.aim.unit,
        doubts=doubts,
        worth=problem.worth,
    )


def how_far(problem: Problem, mixture: np.ndarray) -> float:
    """How far outside the runs a mixture (domain,) at the target lies."""
    place = xr.DataArray(mixture[None], dims=("mixture", "domain"))
    return float(extrapolation(problem.ensemble.runs, problem.target, place)[0])


def _compare(name: str, domains: list[str], mixture: np.ndarray, gain: np.ndarray) -> Comparison:
    other = xr.DataArray(mixture, {"domain": domains}, ("domain",), "mixture")
    return Comparison(name, other, xr.DataArray(gain, dims="sample", name="gain"))


def _extrapolated(
    problem: Problem, reach: Reach, best: np.ndarray, near: np.ndarray, at_best: np.ndarray
) -> float:
    """Share of the expected gain over `near` that is out of the measured mixtures' reach."""
    within = problem.values(np.concatenate([near[None], reach.towards(best)])).mean(axis=0)
    gain = within[0] - at_best.mean()
    if gain <= 0:
        return float("nan")
    return float(np.clip(1 - (within[0] - within[1:].min()) / gain, 0.0, 1.0))
