"""The mixture to train a target on: a distribution over mixtures, and a recommendation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.constraints import Constraints
from bayescamel.decisions.curve import Curve, evaluate, make_curve
from bayescamel.decisions.objectives import Aim, Objective, as_aim
from bayescamel.decisions.reach import Reach
from bayescamel.decisions.residuals import local_effects
from bayescamel.decisions.result import LEVELS, Comparison, OptimalMixture
from bayescamel.decisions.risk import Risk
from bayescamel.decisions.search import best_of_all, best_of_each, make_space, screen
from bayescamel.laws.base import Law
from bayescamel.mixtures import Mixtures, Polytope, as_mixtures, dirichlet
from bayescamel.prediction import extrapolation
from bayescamel.repetition import Repetition
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

MAX_DRAWS = 2000
"""Draws that are optimised one by one; of more every so-manieth is taken."""

STARTS = 64
"""Random mixtures within the constraints from the best of which a search sets out."""

BALLS = 4
"""Balls around measured mixtures in which the recommendation is searched: the most promising."""

COMPARED = 250
"""Draws, at most, of the comparisons between a few mixtures."""

CERTAINTY = 0.9
"""Below this probability of being better, a mixture counts as not told from another."""

NEGLIGIBLE = 1e-4
"""A gain below this share of the objective counts as none: a thirtieth of the run-to-run noise."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One decision, ready to be searched."""

    posterior: "Posterior"
    target: Target
    aim: Aim
    draws: np.ndarray
    """Indices of the draws in use, chains stacked."""
    repetition: tuple[np.ndarray | None, Repetition, int]
    """Available tokens over the target's, the prior of their worth, the seed of its draws."""
    curve: Curve
    allowed: Polytope
    risk: Risk

    @property
    def law(self) -> Law:
        """Whose curve it is."""
        return self.posterior.law

    def values(self, mixtures: np.ndarray) -> np.ndarray:
        """The objective (draw, M) of mixtures (M, domain)."""
        return evaluate(self.law, self.aim, self.curve, mixtures[None])


def optimal_mixture(
    posterior: "Posterior",
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
    """Find the mixture of least posterior risk, and each draw's own optimum.

    Parameters
    ----------
    posterior, target
        What is known, and the model that the mixture is for.
    objective
        Weight by validation domain; None: all alike. Or a `WorstCase`, a `DrawObjective`, or a
        function of the losses.
    constraints
        What the mixture must satisfy; it does to 1e-9. Available tokens also decide how much a
        token is worth when it is repeated.
    reference
        One mixture to compare with, and to prefer when the posterior cannot tell it from the best.
    risk
        What of the objective's distribution is to be small; None: its mean.
    repetition
        Prior of what repeated tokens are worth; None: the default one.
    certainty
        Probability of being better below which a mixture is not told from the near one.
    max_draws
        More draws than this are thinned.
    seed
        Of the starts and of the draws of repetition.

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
    wanted = posterior.centre.mixture if given is None else given
    near = problem.allowed.repair(wanted[None])[0]
    least, own = solve(problem, np.stack([near, wanted]), seed)

    # With what the law misses: of the mixture of least risk, the near one, and the one wanted.
    local = local_values(problem, np.stack([least, near, wanted]), seed)
    what = "the mean of the measured mixtures" if given is None else "the reference"
    against_near = _compare(what, domains, near, local[:, 1] - local[:, 0])
    negligible = NEGLIGIBLE * abs(local[:, 0].mean())
    tied = against_near.probability < certainty or against_near.expected < negligible
    best, place = (near, 1) if tied else (least, 0)
    against_reference = None
    if given is not None:
        against_reference = _compare(what, domains, given, local[:, 2] - local[:, place])

    at_best = problem.values(best[None])[:, 0]
    own, regrets = regret(problem, best, at_best, own)
    reach = Reach.of(posterior)
    mixture = xr.DataArray(best, {"domain": domains}, ("domain",), "mixture")
    coords = {"domain": domains, "bound": ["lower90", "upper90"]}
    bounds = np.quantile(own, LEVELS, axis=0).T
    return OptimalMixture(
        mixture=mixture,
        interval=xr.DataArray(bounds, coords, ("domain", "bound"), "interval"),
        expected=float(at_best.mean()),
        regret=float(regrets.mean()),
        draws=xr.DataArray(own, {"domain": domains}, ("sample", "domain"), "draws"),
        values=xr.DataArray(at_best, dims="sample", name="values"),
        regrets=xr.DataArray(regrets, dims="sample", name="regrets"),
        least=xr.DataArray(least, {"domain": domains}, ("domain",), "least"),
        tied=bool(tied),
        against_near=against_near,
        against_reference=against_reference,
        extrapolation=float(extrapolation(posterior, target, mixture.expand_dims("mixture"))[0]),
        distance=reach.distance(best),
        reach=reach.radius,
        gain_extrapolated=_extrapolated(problem, reach, best, near, at_best),
        binding=problem.allowed.binding(best),
        target=target,
        unit=problem.aim.unit,
    )


def pose(
    posterior: "Posterior",
    target: Target,
    objective: Objective = None,
    *,
    constraints: Constraints | None = None,
    risk: Risk | None = None,
    repetition: Repetition | None = None,
    max_draws: int = MAX_DRAWS,
    seed: int = 0,
) -> Problem:
    """Check the parts of a decision and put them together; parameters as in `optimal_mixture`."""
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    validation = [str(name) for name in posterior.runs["validation"].to_numpy()]
    limits = Constraints() if constraints is None else constraints
    sizes = posterior.tree["posterior"].sizes
    n_draws = int(sizes["chain"] * sizes["draw"])
    draws = np.linspace(0, n_draws - 1, min(max_draws, n_draws)).round().astype(int)
    aim = as_aim(objective, validation, posterior.centre.loss, n_draws)
    unique = limits.shares(domains, target)
    prior = Repetition() if repetition is None else repetition
    repeated = (unique, prior, seed)
    return Problem(
        posterior=posterior,
        target=target,
        aim=aim,
        draws=draws,
        repetition=repeated,
        curve=make_curve(posterior, target, aim, draws, *repeated),
        allowed=limits.polytope(domains, target, posterior.runs["mixture"].to_numpy()),
        risk=Risk() if risk is None else risk,
    )


def solve(problem: Problem, known: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The mixture of least risk (domain,), and each draw's optimum (draw, domain).

    Parameters
    ----------
    known
        Mixtures (M, domain) to start from as well.
    """
    law, value, allowed = problem.law, problem.aim.searched, problem.allowed
    curves = [problem.curve._replace(aim=problem.curve.aim | stage) for stage in problem.aim.stages]
    centres, inside = allowed.anchors
    random = dirichlet(max(STARTS, 2 * len(centres)), allowed.domains, seed, within=allowed)
    starts = np.concatenate([random.to_numpy(), inside, allowed.repair(known)])
    anchor = np.abs(starts[:, None] - centres).sum(axis=2).argmin(axis=1)
    values = screen(law, value, curves[0], starts)

    first = values.argmin(axis=1)
    own, near = starts[first], anchor[first]
    space = make_space(allowed, centres[near])
    for curve in curves:
        own = best_of_each(law, value, curve, space, own)
    own = allowed.repair(own, near)

    # For all draws together: from the best start in each of the best balls, and, where all
    # mixtures allowed are connected, from the middle of the draws' optima.
    order = problem.risk.of(values).argsort()
    _, best_in_ball = np.unique(anchor[order], return_index=True)
    chosen = order[np.sort(best_in_ball)[:BALLS]]
    found, near = starts[chosen], anchor[chosen]
    if len(centres) == 1:
        found = np.concatenate([found, own.mean(axis=0, keepdims=True)])
        near = np.zeros(len(found), dtype=int)
    space = make_space(allowed, centres[near])
    weights = problem.risk.weights(len(own))
    for curve in curves:
        found = best_of_all(law, value, curve, weights, space, found)
    found = allowed.repair(found, near)
    return found[problem.risk.of(problem.values(found)).argmin()], own


def local_values(problem: Problem, mixtures: np.ndarray, seed: int) -> np.ndarray:
    """The objective (draw, M) of a few mixtures with what the law misses of each; fewer draws."""
    step = -(-len(problem.draws) // COMPARED)
    draws = problem.draws[::step]
    posterior, target, aim = problem.posterior, problem.target, problem.aim
    effects = local_effects(posterior, target, mixtures, draws)
    curve = make_curve(posterior, target, aim, draws, *problem.repetition)
    drawn = effects.draw(np.random.default_rng(seed), runs=False)
    return evaluate(problem.law, aim, curve, mixtures[None], drawn)


def regret(
    problem: Problem, best: np.ndarray, at_best: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each draw's optimum (draw, domain), and its regret (draw,) of the mixture `best`.

    A search stops a little short: a draw's optimum is never worse than a mixture known to us.
    """
    at_own = evaluate(problem.law, problem.aim, problem.curve, own[:, None])[:, 0]
    return np.where((at_best < at_own)[:, None], best, own), np.maximum(at_best - at_own, 0.0)


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
