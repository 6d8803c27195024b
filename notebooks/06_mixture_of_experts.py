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
# The model to be trained has 30B parameters, of which 3B see each token. The proxies were dense
# and sparse. Is a sparse model's mixture another one than a dense model's? And what is a parameter
# worth that only sits there?
#
# No sparse runs come with the package, so these losses are made up, by a rule that we know: an
# effective size of N_active^0.6 N^0.4. The point is what the fit makes of such a table; put yours
# in its place, with a column `n_active_params`.

# %%
import numpy as np
import pandas as pd

import bayescamel as bc

DOMAINS = ["code", "web"]
rng = np.random.default_rng(0)
rows = []
for n_params, n_active in (
    *((1e7, 1e7), (4e7, 4e7), (1.6e8, 1.6e8)),  # dense
    *((4e7, 1e7), (1.6e8, 2e7), (1.6e8, 4e7)),  # sparse
):
    effective = n_active**0.6 * n_params**0.4
    for share in (0.1, 0.35, 0.65, 0.9):
        weights = np.array([share, 1 - share])
        loss = (
            1.6 + 1.4 * (effective / 4e7) ** -0.16 - np.array([0.18, 0.08]) * np.log(weights + 0.1)
        )
        row = {"run_id": f"{n_params:g}-{n_active:g}-{share}", "n_params": n_params}
        row |= {"n_active_params": n_active, "n_tokens": 20 * n_active}
        row |= {f"w_{name}": weight for name, weight in zip(DOMAINS, weights, strict=True)}
        measured = loss + rng.normal(0, 0.004, 2)
        row |= {f"loss_{name}": value for name, value in zip(DOMAINS, measured, strict=True)}
        rows.append(row)
runs = bc.read_runs(pd.DataFrame(rows))
bc.plots.training_grid(runs)

# %% [markdown]
# ## Fit
#
# With sparse runs in the table the law learns `sparsity`, s in the effective size
# N_active^(1-s) N^s: 0 says that idle parameters are worth nothing, 1 that they are worth as much
# as active ones. The rule above has 0.4. Dense runs alone would leave it to its prior. Chains are
# short here, and warnings say so.

# %%
posterior = bc.fit(runs, chains=2, draws=300, tune=400, progress=False)
posterior

# %%
sparsity = posterior.tree["posterior"]["sparsity"]
low, high = np.quantile(sparsity, [0.05, 0.95])
print(f"sparsity {float(sparsity.mean()):.2f}, 90 %: {low:.2f} to {high:.2f}")

# %% [markdown]
# ## The target, and its rivals at the same FLOPs
#
# FLOPs go with active parameters. `kind="mean"` is the loss to expect of each model.

# %%
models = {
    "3B of 30B active": bc.Target(30e9, 6e11, n_active_params=3e9),
    "3B of 12B active": bc.Target(12e9, 6e11, n_active_params=3e9),
    "3B dense": bc.Target(3e9, 6e11),
}
for name, model in models.items():
    predicted = posterior.predict(model)
    loss = predicted["loss"].mean("validation")
    low, high = np.quantile(loss, [0.05, 0.95])
    far = float(predicted["extrapolation"].max())
    print(f"{name}: {float(loss.mean()):.3f}, 90 % {low:.3f} to {high:.3f}, {far:.1f} outside")

# %%
target = models["3B of 30B active"]
bc.plots.loss_over_size(posterior, target=target)

# %% [markdown]
# ## The decision
#
# The mixture for the sparse target and for the dense one of the same FLOPs. Where their intervals
# overlap, the runs do not say that sparsity changes the mixture.

# %%
for name in ("3B of 30B active", "3B dense"):
    best = posterior.optimal_mixture(models[name])
    print(name, best.recommended.to_series().round(3).to_dict(), f"regret {best.regret:.4f}")

# %%
posterior.optimal_mixture(target)
