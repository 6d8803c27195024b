"""One decision as a problem to be searched, and its solution draw by draw."""

from dataclasses import dataclass, replace

import numpy as np

from bayescamel.decisions.curve import Curve, evaluate, make_curve
from bayescamel.decisions.ensemble import Ensemble
from bayescamel.decisions.objectives import Aim, Objective, as_aim
from bayescamel.decisions.risk import Risk
from bayescamel.decisions.search import best_of_all, best_of_each, make_space, screen
from bayescamel.draws.draws import Averaged
from bayescamel.draws.status import warn_of
from bayescamel.draws.summary import interval90
from bayescamel.laws.repetition import REPETITION, Repetition
from bayescamel.mixtures import Polytope, dirichlet
from bayescamel.mixtures.constraints import Constraints
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target

MAX_DRAWS = 2000
"""Draws that are optimised one by one; of more every so-manieth is taken."""

STARTS = 64
"""Random mixtures within the constraints from the best of which a search sets out."""

N_BALLS = 4
"""Balls around measured mixtures in which the recommendation is searched: the most promising."""

DIMS = ("domain", "validation")


@dataclass(frozen=True, eq=False)
class Problem:
    """One decision, ready to be searched.

    Parameters
    ----------
    ensemble, target
        What is known, and what the mixture is for; it tells the available tokens.
    aim, curves
        The objective; one curve a law.
    allowed
        The mixtures to choose from.
    risk
        What of the objective's distribution is to be small.
    repetition
        What repeated tokens are taken to be worth, whatever the runs say; None: as they say.
    seed
        Of the starts.
    """

    ensemble: Ensemble
    target: Target
    aim: Aim
    curves: tuple[Curve, ...]
    allowed: Polytope
    risk: Risk
    repetition: Repetition | None
    seed: int

    @property
    def worth(self) -> str | None:
        """What repeated tokens are worth, and who says so; None where none may be repeated."""
        if not self.target.available:
            return None
        domains = list(self.ensemble.runs["domain"].to_numpy())
        limited = [domains.index(name) for name in self.target.available]
        r_star = np.concatenate([curve.draws.parameters[REPETITION.name] for curve in self.curves])
        low, high = interval90(r_star[:, limited].ravel())
        if self.repetition is not None:
            source = "as it was given"
        elif all(law.repeated for law in self.ensemble.hierarchies):
            source = "learned from runs that repeat tokens"
        else:
            source = "a prior: no run repeats tokens"
        return (
            f"what repeated tokens are worth is {source} (R* {np.median(r_star[:, limited]):.3g}, "
            f"90 % {low:.3g} to {high:.3g})"
        )

    def values(self, mixtures: np.ndarray) -> np.ndarray:
        """The objective (draw, M) of mixtures (M, domain)."""
        return evaluate(self.ensemble.hierarchies, self.aim, self.curves, mixtures[None])

    def local_values(self, mixtures: np.ndarray) -> np.ndarray:
        """The same with what the laws miss of each mixture."""
        domains = self.ensemble.runs["domain"].to_numpy()
        models = Sizes.of_target(self.target, domains, len(mixtures))
        local = self.ensemble.residuals.at(models, mixtures)
        drawn = local.draw(np.random.default_rng(self.seed))
        drawn = drawn * self.ensemble.scatter(models, mixtures).noise
        laws = self.ensemble.hierarchies
        return evaluate(laws, self.aim, self.curves, mixtures[None], drawn)

    def regret(
        self, best: np.ndarray, at_best: np.ndarray, optima: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each draw's optimum (draw, domain), and its regret (draw,) of the mixture `best`.

        A search stops a little short: no draw's optimum is worse than a mixture known to us.
        """
        at_each = evaluate(self.ensemble.hierarchies, self.aim, self.curves, optima[:, None])[:, 0]
        optima = np.where((at_best < at_each)[:, None], best, optima)
        return optima, np.maximum(at_best - at_each, 0.0)


def pose(
    posterior: Averaged,
    target: Target,
    objective: Objective = None,
    *,
    constraints: Constraints | None = None,
    risk: Risk | None = None,
    repetition: Repetition | None = None,
    max_draws: int = MAX_DRAWS,
    seed: int = 0,
) -> Problem:
    """Check the parts of a decision and put them together.

    Parameters as in `bayescamel.decisions.optimal_mixture`.
    """
    runs = posterior.runs
    domains, validation = ([str(name) for name in runs[dim].to_numpy()] for dim in DIMS)
    limits = Constraints() if constraints is None else constraints
    limits = replace(limits, available={**target.available, **limits.available})
    allowed = limits.polytope(domains, target, runs["mixture"].to_numpy())
    target = replace(target, available=limits.available)
    ensemble = Ensemble.of(posterior, max_draws)
    reference_loss = runs["loss"].mean("run").to_numpy()
    aim = as_aim(objective, validation, reference_loss, posterior.n_draws)
    problem = Problem(
        ensemble=ensemble,
        target=target,
        aim=aim,
        curves=_curves(ensemble, target, aim, repetition),
        allowed=allowed,
        risk=Risk() if risk is None else risk,
        repetition=repetition,
        seed=seed,
    )
    warn_of(posterior.doubts)  # last: what is refused needs no doubts
    return problem


def _curves(
    ensemble: Ensemble, target: Target, aim: Aim, repetition: Repetition | None
) -> tuple[Curve, ...]:
    return tuple(
        make_curve(part, target, aim.arrays(rows), repetition)
        for part, rows in zip(ensemble.parts, ensemble.rows, strict=True)
    )


def solve(problem: Problem, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mixture of least risk (domain,), and each draw's optimum (draw, domain).

    Parameters
    ----------
    known
        Mixtures (M, domain) to start from as well.
    """
    laws, value, allowed = problem.ensemble.hierarchies, problem.aim.searched, problem.allowed
    stages = [
        tuple(curve._replace(aim=curve.aim | stage) for curve in problem.curves)
        for stage in problem.aim.stages
    ]
    centres, inside = allowed.anchors
    n_random = max(STARTS, 2 * len(centres))
    random = dirichlet(n_random, allowed.domains, problem.seed, within=allowed)
    starts = np.concatenate([random.to_numpy(), inside, allowed.repair(known)])
    anchor = np.abs(starts[:, None] - centres).sum(axis=2).argmin(axis=1)
    values = screen(laws, value, stages[0], starts)

    first = values.argmin(axis=1)
    optima, near = starts[first], anchor[first]
    space = make_space(allowed, centres[near])
    for curves in stages:
        optima = best_of_each(laws, value, curves, space, optima)
    optima = allowed.repair(optima, near)

    # For all draws together: from the best start in each of the best balls, and, where all
    # mixtures allowed are connected, from the middle of the draws' optima.
    order = problem.risk.of(values).argsort()
    _, best_in_ball = np.unique(anchor[order], return_index=True)
    chosen = order[np.sort(best_in_ball)[:N_BALLS]]
    found, near = starts[chosen], anchor[chosen]
    if len(centres) == 1:
        found = np.concatenate([found, optima.mean(axis=0, keepdims=True)])
        near = np.zeros(len(found), dtype=int)
    space = make_space(allowed, centres[near])
    weights = problem.risk.weights(len(optima))
    for curves in stages:
        found = best_of_all(laws, value, curves, weights, space, found)
    found = allowed.repair(found, near)
    return found[problem.risk.of(problem.values(found)).argmin()], optima
