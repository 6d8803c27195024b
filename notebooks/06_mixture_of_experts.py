# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A Mixture-of-Experts target
#
# The model to be trained keeps eight parameters for each one that a token uses. The proxies were
# dense and sparse. Is a sparse model's mixture another one than a dense model's? And what is a
# parameter worth that only sits there?
#
# `bc.load_proxies()` has dense and Mixture-of-Experts models that this project trained; a
# column `n_active_params` tells them apart. Those of more than 200,000 active parameters are there
# to be predicted.

# %%
import numpy as np

import bayescamel as bc
from bayescamel.demo import coverage90, hold_out_above, predict_runs
from bayescamel.runs.sizes import sparse_runs

proxies, held_out = hold_out_above(bc.load_proxies(), 200_000)
sparse = held_out.isel(run=sparse_runs(held_out))
bc.plots.training_grid(proxies)

# %% [markdown]
# ## Fit
#
# With sparse runs in the table the law learns `sparsity`, s in the effective size
# N_active^(1-s) N^s: 0 says that idle parameters are worth nothing, 1 that they are worth as much
# as active ones. Dense runs alone would leave it to its prior. Chains are short here, and warnings
# say so.

# %%
posterior = bc.fit(proxies, chains=2, draws=300, tune=400, progress=False)
posterior

# %%
sparsity = posterior.tree["posterior"]["sparsity"]
low, high = np.quantile(sparsity, [0.05, 0.95])
print(f"sparsity {float(sparsity.mean()):.2f}, 90 %: {low:.2f} to {high:.2f}")

# %% [markdown]
# ## Was it right?
#
# The larger sparse models, and the larger dense ones, which nobody fitted.

# %%
dense = held_out.isel(run=~sparse_runs(held_out))
parts = {f"dense, {n:,.0f}": dense.sel(run=dense["n_params"] == n) for n in (476_488, 1_301_224)}
for name, largest in {"sparse, 3,800,424": sparse, **parts}.items():
    predicted, observed = predict_runs(posterior, largest, seed=0), largest["loss"]
    error = float(abs(predicted["mean"] / observed - 1).mean())
    inside = coverage90(predicted, observed)
    print(f"{name}: {error:.1%} off, {inside:.0%} inside their 90 % interval")

# %% [markdown]
# The largest dense ones are told least well, and the interval knows: code and knowledge fell faster
# than all sizes below had shown, English at mixtures that are mostly English slower. These tiny
# models change how they learn on the way, and the law does not know that. Hold your own ladder
# against itself (`bayescamel backtest`) before you trust it.

# %% [markdown]
# ## The target's rivals at the same FLOPs
#
# FLOPs go with active parameters. `kind="mean"` is the loss to expect of each model.

# %%
target = bc.Target.of_run(sparse.isel(run=0))
active, tokens = target.active, target.n_tokens
models = {
    "one in eight active": target,
    "one in four active": bc.Target(4 * active, tokens, n_active_params=active),
    "dense": bc.Target(active, tokens),
}
for name, model in models.items():
    predicted = posterior.predict(model)
    loss = predicted["loss"].mean("validation")
    low, high = np.quantile(loss, [0.05, 0.95])
    far = float(predicted["extrapolation"].max())
    print(f"{name}: {float(loss.mean()):.3f}, 90 % {low:.3f} to {high:.3f}, {far:.1f} outside")

# %%
bc.plots.loss_over_size(posterior, target=target, held_out=sparse)

# %% [markdown]
# ## The decision
#
# The mixture for the sparse target and for the dense one of the same FLOPs. Where their intervals
# overlap, the runs do not say that sparsity changes the mixture.

# %%
for name in ("one in eight active", "dense"):
    best = posterior.optimal_mixture(models[name])
    print(name, best.recommended.to_series().round(3).to_dict(), f"regret {best.regret:.4f}")

# %%
posterior.optimal_mixture(target)
