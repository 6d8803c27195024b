"""Leave-one-out scores by importance sampling (PSIS), and the answer to influential losses.

The raw weights of a left-out loss are 1 / p(y | everything drawn). They are heavy where one loss
pins down an effect that is its own, such as that of a size with few runs (Pareto k > 0.7; Vehtari,
Gelman, Gabry 2017). For these losses coefficients and size effects are integrated out, as in the
fit: p(y_i | θ, y_-i) is the density of all losses over that of all others, and the weights are
those of θ alone (Vehtari et al. 2016, integrated importance sampling). Where that is not enough, θ
is moved to the moments that it has without the loss (moment matching; Paananen, Piironen, Bürkner,
Vehtari 2021). What is left is told, and answered by leaving sizes out
(`bayescamel.comparison.compare`).
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.exceptions import FitError
from bayescamel.models.hierarchy import RUN_NOISE
from bayescamel.models.problem import build
from bayescamel.posterior import Posterior

INFLUENTIAL = 0.5
"""Pareto k from which on a loss is scored with the effects integrated out. From there on weights
have no finite variance: the loss of a run that is alone of its size came out 0.7 nats too high at
0.6, which ArviZ lets pass."""


@dataclass(frozen=True)
class LeaveOneOut:
    """Leave-one-out scores of a posterior.

    Parameters
    ----------
    elpd
        ArviZ's ``ELPDDataLOO``, pointwise, with the answers in it.
    influential
        Losses whose weights were heavy at first (`INFLUENTIAL`).
    left
        Those of them whose weights are still too heavy (ArviZ's ``good_k``, near 0.7).
    """

    elpd: Any
    influential: int
    left: int

    def __str__(self) -> str:
        if not self.influential:
            return "no loss is too influential"
        n = int(self.elpd.n_data_points)
        answered = self.influential - self.left
        words = f"{self.influential} of {n} losses are too influential for importance weights"
        words += f" (Pareto k > {INFLUENTIAL}), {answered} answered by integrating"
        words += " effects out and matching moments"
        if self.left:
            words += f", {self.left} left (k up to {float(self.elpd.pareto_k.max()):.2f}): their "
            words += "scores are too high; leave sizes out instead (by_size=True)"
        return words


def leave_one_out(posterior: Posterior) -> LeaveOneOut:
    """PSIS-LOO scores of a posterior, influential losses answered.

    Raises
    ------
    FitError
        When nothing was sampled.
    """
    import arviz_stats as az  # here: a second to load

    tree = posterior.with_groups("log_likelihood")
    losses = tree["log_likelihood"].to_dataset()["loss"]
    with warnings.catch_warnings():
        # Of weights that are heavy and moments that do not match `LeaveOneOut` tells.
        warnings.simplefilter("ignore", UserWarning)
        loo = az.loo(tree, pointwise=True)
        bad = np.flatnonzero(loo.pareto_k.to_numpy() > INFLUENTIAL)
        if len(bad):
            better = _integrated(posterior, losses[..., bad])
            kept = better.pareto_k.to_numpy() < loo.pareto_k.to_numpy()[bad]
            loo.elpd_i[bad[kept]] = better.elpd_i.to_numpy()[kept]
            loo.pareto_k[bad[kept]] = better.pareto_k.to_numpy()[kept]
            _summed(loo, losses)
    return LeaveOneOut(loo, len(bad), int((loo.pareto_k > loo.good_k).sum()))


def _integrated(posterior: Posterior, losses: xr.DataArray) -> Any:
    """LOO of some losses with the effects integrated out, moments matched where that is needed."""
    import arviz_stats as az

    density = _Densities(posterior)
    labels = zip(losses["run"].to_numpy(), losses["validation"].to_numpy(), strict=True)
    places = [density.place(*pair) for pair in labels]
    upars = density.draws()
    whole = density.of(upars, None)
    # The density is of losses over the reference loss; ours are in nats.
    units = np.log(posterior.centre.loss)
    each = [whole - density.of(upars, place) - units[place[1]] for place in places]
    values = xr.concat(each, dim="observation").transpose("chain", "draw", "observation")
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior.values,
            "log_likelihood": xr.Dataset({"loss": values}),
        }
    )
    found = az.loo(tree, pointwise=True)
    if not (found.pareto_k > found.good_k).any():
        return found

    def left_out(upars: xr.DataArray, i: int) -> xr.DataArray:
        place = places[int(i)]
        told: xr.DataArray = density.of(upars, None) - density.of(upars, place)
        return told - float(units[place[1]])

    return az.loo_moment_match(
        tree,
        found,
        log_prob_upars_fn=lambda u: density.of(u, None),
        log_lik_i_upars_fn=left_out,
        upars=upars,
        var_name="loss",
        pointwise=True,
    )


class _Densities:
    """Log densities of θ given all losses, or all but one."""

    def __init__(self, posterior: Posterior) -> None:
        self._posterior = posterior
        self._problem = build(posterior.runs, posterior.centre, padded=False)
        self._names = {
            dim: list(map(str, posterior.runs[dim].to_numpy())) for dim in ("run", "validation")
        }

    def place(self, run: str, validation: str) -> tuple[int, int]:
        """Where a loss stands."""
        return self._names["run"].index(str(run)), self._names["validation"].index(str(validation))

    def draws(self) -> xr.DataArray:
        """θ, dims (chain, draw, parameter): the hierarchy's numbers and the runs' noises."""
        posterior = self._posterior
        if "unconstrained" not in posterior.tree:
            raise FitError("leave-one-out needs all that was sampled: fit again, and thin no draws")
        values = posterior.tree["unconstrained"]["value"].to_numpy()
        if posterior.has_run_noise:
            noise = posterior.values[RUN_NOISE].to_numpy()
            values = np.concatenate([values, noise], axis=-1)
        return xr.DataArray(values, dims=("chain", "draw", "parameter"))

    def of(self, upars: xr.DataArray, without: tuple[int, int] | None) -> xr.DataArray:
        """Log density (chain, draw) given all losses, or all without one."""
        import jax

        from bayescamel.models.compiled import log_densities
        from bayescamel.models.density import log_density

        problem = self._problem
        if without is not None:
            measured = problem.measured.copy()
            measured[without] = 0.0
            problem = problem._replace(measured=measured)
        ordered = upars.transpose("chain", "draw", ...)
        flat = ordered.to_numpy().reshape(-1, ordered.shape[-1])
        with jax.enable_x64(True):
            value = np.asarray(log_densities(log_density, self._posterior.hierarchy, flat, problem))
        return xr.DataArray(value.reshape(ordered.shape[:2]), dims=("chain", "draw"))


def _summed(loo: Any, log_likelihood: xr.DataArray) -> None:
    """Totals anew, after single losses were scored better."""
    from scipy.special import logsumexp

    elpd = loo.elpd_i.to_numpy()
    loo.elpd = float(elpd.sum())
    loo.se = float(np.sqrt(len(elpd) * elpd.var()))
    density = log_likelihood.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy()
    loo.p = float((logsumexp(density, axis=0) - np.log(len(density))).sum() - elpd.sum())
    loo.warning = bool((loo.pareto_k > loo.good_k).any())
