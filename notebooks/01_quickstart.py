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
# # From small proxy runs to the mixture of a larger model
#
# We trained small byte-level transformers, dense and Mixture-of-Experts, at several sizes and on
# many mixtures of five domains. Suppose that the larger ones have not been trained yet. What losses
# will they have? Which mixture should they be trained on? And if there is compute for a few more
# proxies, which ones?
#
# Your runs stand somewhere else: in an export of Weights & Biases, in a sweep's folder, in a
# spreadsheet. A mapping says which of its columns are what. Here is such an export, made from the
# runs that come with the package; take your own file instead.

# %%
import numpy as np
import pandas as pd

import bayescamel as bc

bundled = bc.load_proxies()
export = pd.DataFrame({"Name": bundled["run"], "model/params": bundled["n_params"]})
export["model/active"] = bundled["n_active_params"]
export["data/tokens"] = bundled["n_tokens"]
for name in bundled["domain"].to_numpy():
    export[f"mix/{name}"] = bundled["mixture"].sel(domain=name)
    export[f"eval/{name}/loss"] = bundled["loss"].sel(validation=name)
    export[f"text/{name}"] = bundled["unique"].sel(domain=name)  # of two runs that repeat theirs
export.to_csv("export.csv", index=False)
export.head(3)

# %%
columns = {"model/params": "n_params", "model/active": "n_active_params"}
columns |= {"data/tokens": "n_tokens"}
columns |= {"mix/{domain}": "w_{domain}", "eval/{domain}/loss": "loss_{domain}"}
columns |= {"text/{domain}": "unique_{domain}"}
runs = bc.read_runs("export.csv", columns=columns)
runs

# %%
bc.plots.training_grid(runs)

# %% [markdown]
# The table has named dims: a `run` has a `mixture` over training domains (`domain`) and a `loss`
# on each validation domain (`validation`), in nats per token. We put aside
# what has more than 200,000 active parameters, as what the next months of compute would tell us.

# %%
from bayescamel.demo import candidate_runs, hold_out_above, predict_runs

proxies, larger = hold_out_above(runs, 200_000)
print(f"{proxies.sizes['run']} proxies; to be predicted: {larger.sizes['run']} larger models")

# %% [markdown]
# ## Fit
#
# One hierarchical law over size and mixture for all validation domains, sampled with NUTS. Read
# the status before anything else: draws that did not converge are not an answer.

# %%
posterior = bc.fit(proxies, law="camel", progress=False)
posterior

# %% [markdown]
# ## Predict
#
# Three things can be asked for. `kind="curve"` is the law's equation alone. `kind="mean"`, the
# default, is the loss to expect: the curve and what the runs tell of the law's miss near their own
# mixtures. `kind="run"` is the measured loss of one new run, its noise included, and the one to
# hold against a measurement.

# %%
predicted, observed = predict_runs(posterior, larger, seed=0), larger["loss"]
inside = (predicted["lower90"] <= observed) & (observed <= predicted["upper90"])
table = larger[["n_params", "n_active_params"]].to_dataframe()
table["error"] = abs(predicted["mean"] / observed - 1).mean("validation")
table["inside 90 %"] = inside.mean("validation")
by_size = table.groupby(["n_params", "n_active_params"])[["error", "inside 90 %"]]
by_size.mean().style.format("{:.1%}")

# %% [markdown]
# (The largest are told less well: from 0.5 to 1.3 million parameters these tiny models begin to
# learn otherwise than the smaller ones had shown, and no law that was fitted to the smaller knows.)
#
# One target, all its draws. How far outside the data a prediction is comes with it. The further,
# the less an interval that was only checked next door should be believed.

# %%
target = bc.Target(n_params=476_488, n_tokens=4_764_672)
prediction = posterior.predict(target)
print(prediction["extrapolation"].to_series())
low, high = np.quantile(prediction["loss"].mean("validation"), [0.05, 0.95])
print(f"mean loss {float(prediction['loss'].mean()):.3f}, 90 %: {low:.3f} to {high:.3f}")

# %% [markdown]
# ## Decide
#
# The mixture that minimises the expected mean loss over all validation domains, and how far the
# single draws disagree about it. An objective weighs domains otherwise.

# %%
best = posterior.optimal_mixture(target)
print(best.why)
both = {"recommended": best.recommended.to_series(), "optimum": best.optimum.to_series()}
best.optimum_interval.to_pandas().assign(**both)

# %%
first = str(runs["validation"][0].item())
posterior.optimal_mixture(target, objective={first: 1.0}).recommended.to_series().round(3)

# %% [markdown]
# ## What to train next
#
# Among candidate runs, those that shrink the variance of the target's predicted objective most per
# FLOP.

# %%
candidates = candidate_runs(proxies, seed=0)
posterior.next_runs(candidates, target, n=3)

# %% [markdown]
# Kept for the other notebooks, and for you: a posterior is a file.

# %%
posterior.save("posterior.nc", force=True)
