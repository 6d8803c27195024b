"""Accuracies at losses: known ones, or those that every draw of a loss law predicts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks.draws import BenchmarkDraws
from bayescamel.benchmarks.hierarchy import SHIFT_SHARE, run_scatter
from bayescamel.benchmarks.table import benchmark_facts
from bayescamel.draws.prediction import Kind
from bayescamel.draws.status import warn_of
from bayescamel.exceptions import BenchmarkError, TargetError
from bayescamel.mixtures import Mixtures
from bayescamel.posterior import Posterior
from bayescamel.runs.sources import open_table
from bayescamel.targets import Target

KINDS = ("curve", "mean", "run")


def predict_benchmarks(
    fitted: BenchmarkDraws,
    posterior: Posterior,
    target: Target,
    mixtures: Mixtures | None = None,
    kind: Kind = "mean",
    seed: int = 0,
    benchmarks: pd.DataFrame | str | Path | None = None,
) -> xr.Dataset:
    """Benchmarks of a model of the target's size on each mixture.

    Every draw of the loss law goes through a draw of the benchmark law: the two posteriors are
    independent given the runs' losses, so any pairing of their draws is a joint draw.

    Parameters
    ----------
    fitted, posterior
        The step from loss to benchmark, and the loss law.
    kind
        Of the losses as in `Posterior.predict`; ``"run"`` also includes the run's own scatter on
        each benchmark and the finite number of questions, the others take the benchmark's curve.
    benchmarks
        A table (name, chance, questions) of benchmarks that no fitted run has; they are drawn from
        what the fitted ones have in common. None predicts the fitted ones.

    Returns
    -------
    Dataset
        ``accuracy`` or ``score`` or both (chain, draw, mixture, benchmark), 0 to 1, with the loss
        posterior's chains and draws; ``extrapolation (mixture)`` of the loss law;
        ``above_chance (benchmark)``: whether the best fitted run beats chance. Where it does not
        the interval says how much may yet come, and nothing more is known.

    Raises
    ------
    BenchmarkError
        When the loss law lacks a validation domain that the benchmarks listen to.
    """
    predicted = posterior.predict(target, mixtures, kind=kind, seed=seed)
    result = predict_at(fitted, predicted["loss"], kind, seed, benchmarks)
    return result.assign(extrapolation=predicted["extrapolation"])


def predict_at(
    fitted: BenchmarkDraws,
    losses: xr.DataArray,
    kind: Kind = "mean",
    seed: int = 0,
    benchmarks: pd.DataFrame | str | Path | None = None,
) -> xr.Dataset:
    """Benchmarks at losses, nats per token.

    Parameters
    ----------
    losses
        Dims (run or mixture, validation), known losses; or (chain, draw, mixture, validation).
    kind, seed, benchmarks
        As in `predict_benchmarks`.

    Returns
    -------
    Dataset
        As of `predict_benchmarks`, without ``extrapolation``.

    Raises
    ------
    BenchmarkError
        When a loss that the benchmarks listen to is not among them.
    """
    if kind not in KINDS:
        raise TargetError(f"unknown kind {kind!r}; there are: {', '.join(KINDS)}")
    values, dim, named = _stacked(fitted, losses)
    rng = np.random.default_rng(seed)
    parameters = paired_parameters(fitted, None if "chain" not in losses.dims else len(values), rng)
    facts = fitted.facts
    if benchmarks is not None:
        facts = _unseen_facts(benchmarks)
        parameters = _from_the_hierarchy(fitted, parameters, facts.sizes["benchmark"], rng)
    relative = values / fitted.reference.to_numpy()
    result = {}
    shape = (named.pop("_chains"), -1, len(losses[dim]), facts.sizes["benchmark"])
    for measure in ("accuracy", "score"):
        if fitted.hierarchy.measures not in (measure, "both"):
            continue
        drawn = _measure(fitted, parameters, relative, facts, measure, kind, rng)
        result[measure] = (("chain", "draw", dim, "benchmark"), drawn.reshape(shape))
    coords = named | {"benchmark": facts["benchmark"].to_numpy()}
    warn_of(fitted.doubts)
    return xr.Dataset(result, coords).assign(above_chance=facts["above_chance"])


def heard(fitted: BenchmarkDraws, predicted: xr.DataArray) -> list[str]:
    """The validation domains whose losses the benchmarks listen to.

    Raises
    ------
    BenchmarkError
        When one of them is not among those that are predicted.
    """
    wanted = [str(name) for name in fitted.reference["validation"].to_numpy()]
    for name in wanted:
        if name not in predicted.to_numpy():
            raise BenchmarkError(
                f"the benchmarks were fitted to losses on {', '.join(wanted)}, and no loss on "
                f"{name!r} is predicted: fit both to the same losses"
            )
    return wanted


def _stacked(
    fitted: BenchmarkDraws, losses: xr.DataArray
) -> tuple[np.ndarray, str, dict[str, Any]]:
    """Losses (draw or 1, run or mixture, validation), the middle dim, and the coordinates."""
    wanted = heard(fitted, losses["validation"])
    dim = next(str(d) for d in losses.dims if d not in ("chain", "draw", "validation"))
    drawn = "chain" in losses.dims
    order = (*(("chain", "draw") if drawn else ()), dim, "validation")
    ordered = losses.sel(validation=wanted).transpose(*order)
    draws = losses if drawn else fitted.tree["posterior"].to_dataset()
    coords: dict[str, Any] = {name: draws[name].to_numpy() for name in ("chain", "draw")}
    coords |= {dim: losses[dim].to_numpy(), "_chains": draws.sizes["chain"]}
    return ordered.to_numpy().reshape(-1, losses.sizes[dim], len(wanted)), dim, coords


def paired_parameters(
    fitted: BenchmarkDraws, n_draws: int | None, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """All parameters, draws stacked, shuffled to go with so many draws of a loss law.

    None keeps the posterior's own draws in their order.
    """
    posterior = fitted.tree["posterior"].to_dataset()
    available = posterior.sizes["chain"] * posterior.sizes["draw"]
    order = np.arange(available)
    if n_draws is not None:
        rounds = -(-n_draws // available)
        order = np.concatenate([rng.permutation(available) for _ in range(rounds)])[:n_draws]
    stacked = {}
    for name, value in posterior.data_vars.items():
        array = value.transpose("chain", "draw", ...).to_numpy()
        stacked[str(name)] = array.reshape(available, *array.shape[2:])[order]
    return stacked


def _measure(
    fitted: BenchmarkDraws,
    parameters: dict[str, np.ndarray],
    loss: np.ndarray,
    facts: xr.Dataset,
    measure: str,
    kind: Kind,
    rng: np.random.Generator,
) -> np.ndarray:
    prefix = "score_" if measure == "score" and fitted.hierarchy.measures == "both" else ""
    chance = facts["chance" if measure == "accuracy" else "score_chance"].to_numpy()
    expected = np.asarray(fitted.hierarchy.curve(np, parameters, loss, chance, prefix))
    if kind != "run":
        return expected
    if measure == "score":
        noise = parameters["score_noise"][:, None, :]
        scattered = expected + noise * rng.normal(size=expected.shape)
        return np.asarray(np.clip(scattered, 0.0, 1.0))
    p, correlation = run_scatter(np, expected, chance, parameters)
    concentration = 1 / correlation - 1
    true = rng.beta(p * concentration, (1 - p) * concentration)
    questions = facts["questions"].to_numpy().round().astype(int)
    return np.asarray(rng.binomial(questions, true) / questions)


def _unseen_facts(benchmarks: pd.DataFrame | str | Path) -> xr.Dataset:
    table = open_table(benchmarks)
    if "name" not in table:
        raise BenchmarkError("the table of benchmarks has no column 'name'")
    facts = benchmark_facts(table["name"], table)
    return facts.assign(above_chance=("benchmark", np.zeros(facts.sizes["benchmark"], bool)))


def _from_the_hierarchy(
    fitted: BenchmarkDraws,
    parameters: dict[str, np.ndarray],
    n: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Parameters of benchmarks that were not fitted, draw by draw from their population."""
    hierarchy = fitted.hierarchy
    n_draws = len(next(iter(parameters.values())))

    def drawn(name: str) -> np.ndarray:
        scale = np.exp(parameters[f"{name}_log_spread"])
        deviation = scale[:, None] * rng.normal(size=(n_draws, n))
        return np.asarray(parameters[f"{name}_location"][:, None] + deviation)

    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        if block.dims != ("benchmark",):
            continue
        if block.name.endswith("_shift"):
            parameter = block.name.removeprefix("score_").removesuffix("_shift")
            spread = next(p.spread for p in hierarchy.law.parameters if p.name == parameter)
            location = parameters[f"{block.name}_location"][:, None]
            values[block.name] = location + SHIFT_SHARE * spread * rng.normal(size=(n_draws, n))
        else:
            values[block.name] = drawn(block.name)
    n_validation = hierarchy.n_validation
    if hierarchy.law.listening == "simplex":
        location = parameters["listen_location"][:, None, :]
        values["listen"] = location + rng.normal(size=(n_draws, n, n_validation))
        return hierarchy.constrained(np, values)
    result = hierarchy.constrained(np, values)
    # A single loss of an unseen benchmark: one of those that the fitted ones take.
    chosen = rng.integers(hierarchy.n_benchmark, size=(n_draws, n))
    result["listening"] = parameters["listening"][np.arange(n_draws)[:, None], chosen]
    return result
