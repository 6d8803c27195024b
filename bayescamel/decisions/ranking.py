"""Rank given mixtures: those that were measured, or the few that a team considers."""

import numpy as np
import xarray as xr

from bayescamel.decisions.ensemble import Ensemble
from bayescamel.decisions.objectives import Objective, as_aim
from bayescamel.decisions.problem import MAX_DRAWS
from bayescamel.decisions.risk import Risk
from bayescamel.draws.draws import Averaged
from bayescamel.draws.prediction import Kind, extrapolation
from bayescamel.draws.scatter import scattered
from bayescamel.draws.summary import interval90
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target


def rank_mixtures(
    posterior: Averaged,
    target: Target,
    mixtures: Mixtures,
    objective: Objective = None,
    *,
    risk: Risk | None = None,
    kind: Kind = "mean",
    residuals: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    """Rank mixtures by their posterior risk at the target.

    Where mixtures are given, those that were measured before are often among them, and what the
    law missed of them at smaller sizes it will miss again; see `bayescamel.draws.residuals`.

    Parameters
    ----------
    posterior, target, objective, risk
        As in `bayescamel.decisions.optimal_mixture`.
    mixtures
        The choice.
    kind
        ``"mean"``: the expected loss of each mixture. ``"run"``: what training each of them once
        would show, noise included.
    residuals
        Correct the law by its residuals at measured mixtures; False: the law's curve alone.
    seed
        Of the noise, and of what the residuals leave open.

    Returns
    -------
    Dataset
        Dims (mixture,), best first: ``risk``; ``expected``, ``lower90`` and ``upper90`` of the
        objective; ``probability_best`` among these mixtures; ``regret``, the expected distance to
        the best of them, and ``regret90``, which it exceeds with probability 0.1;
        ``extrapolation``; and ``weights (mixture, domain)``.
    """
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    choice = as_mixtures(mixtures, domains)
    ensemble = Ensemble.of(posterior, posterior.n_draws or MAX_DRAWS)
    models, weights = Sizes.of_target(target, domains, len(choice)), choice.to_numpy()
    loss = ensemble.losses(models, weights)
    rng = np.random.default_rng(seed)
    scatter = ensemble.scatter(models, weights)
    times = ensemble.run_noise(len(choice), rng) if kind == "run" else None
    noise = np.zeros_like(loss)
    if residuals:
        noise = scatter.noise * ensemble.residuals.at(models, weights).draw(rng, times)
    elif times is not None:
        noise = scatter.noise * times[:, :, None] * rng.normal(size=loss.shape)
    if kind == "run":
        new_size = rng.normal(size=(len(loss), 1, loss.shape[2]))
        noise = noise + scatter.shift + scatter.shared * new_size
    loss = scattered(loss, noise)
    validation = [str(name) for name in posterior.runs["validation"].to_numpy()]
    reference_loss = posterior.runs["loss"].mean("run").to_numpy()
    aim = as_aim(objective, validation, reference_loss, posterior.n_draws)
    values = aim.value(np, loss, aim.arrays(np.arange(len(loss))))

    regrets = values - values.min(axis=1, keepdims=True)
    lower, upper = interval90(values)
    columns = {
        "risk": (Risk() if risk is None else risk).of(values),
        "expected": values.mean(axis=0),
        "lower90": lower,
        "upper90": upper,
        "probability_best": (regrets == 0).mean(axis=0),
        "regret": regrets.mean(axis=0),
        "regret90": np.quantile(regrets, 0.9, axis=0),
        "extrapolation": extrapolation(posterior.runs, target, choice).to_numpy(),
    }
    ranked = xr.Dataset(
        {name: ("mixture", values) for name, values in columns.items()}
        | {"weights": (("mixture", "domain"), weights)},
        {"mixture": choice["mixture"].to_numpy(), "domain": domains},
        {"unit": aim.unit},
    )
    return ranked.isel(mixture=np.argsort(columns["risk"], kind="stable"))
