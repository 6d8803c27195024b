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
# # Can I trust it?
#
# A colleague hands you a posterior and says: at three times our largest model the loss on English
# will be such, and this is the mixture to train. Before a month of compute goes there you want to
# know four things. Are the draws draws of the posterior? What do the runs hold against the law?
# How much of the answer is the prior's? And would all this have told us the truth before?

# %%
from pathlib import Path

import numpy as np

import bayescamel as bc
from bayescamel.demo import hold_out_above
from bayescamel.runs.sizes import sparse_runs

runs = bc.load_proxies()
proxies, _ = hold_out_above(runs, 200_000)
target = bc.Target(n_params=476_488, n_tokens=4_764_672)

saved = Path("posterior.nc")  # of the first notebook
posterior = bc.Posterior.load(saved) if saved.exists() else bc.fit(proxies, progress=False)
posterior

# %% [markdown]
# ## Are the draws good?
#
# `status` judges the sampling, and nothing else: R-hat says whether the chains agree, the effective
# sample size how many independent draws they are worth. What fails comes with its remedy. ArviZ's
# own pictures work on `posterior.tree`; `bc.plots` draws those of the quantities that mixed worst.

# %%
print(posterior.status)
posterior.status.converged

# %%
bc.plots.trace(posterior, 3)

# %%
bc.plots.rank(posterior, 3)

# %% [markdown]
# ## What do the runs hold against it?
#
# Converged draws of a wrong law are wrong. The caveats say, in words, what the runs do not agree
# with; the residuals show it.

# %%
for caveat in posterior.caveats:
    print("-", caveat)
bc.plots.residuals(posterior)

# %% [markdown]
# ## How much is the prior's?
#
# The law comes with what eight tables of runs taught about how losses fall with size. First what
# that alone would have said of these losses, then each parameter before and after the runs. Where
# outline and filling agree, the runs said nothing: the bends `alpha` and `beta` often.

# %%
bc.plots.prior_predictive(posterior)

# %%
bc.plots.priors(posterior)

# %% [markdown]
# ## Would it have been right?
#
# Pretend that the three smallest dense sizes are all there is: fit two, predict the third. This is
# what **two sizes can say**: which mixtures are better nearby. What they **cannot say** is how far
# the losses will still fall, and the fit tells you so. (Chains are short from here on, so that it
# takes seconds; a warning says where that is not enough.)

# %%
runs = runs.isel(run=~sparse_runs(runs))
sizes = np.unique(runs["n_params"])
two = runs.sel(run=runs["n_params"] <= sizes[1])
third = runs.sel(run=runs["n_params"] == sizes[2])
quick = {"chains": 2, "draws": 250, "tune": 300, "progress": False}
early = bc.fit(two, **quick)
for caveat in early.caveats:
    print("-", caveat[:160])

# %%
bc.plots.loss_over_size(early, held_out=third)

# %% [markdown]
# Was it right? A backtest does this at every horizon that the runs allow, for every law you name,
# and counts: the error, and how often the intervals held. Here one horizon, so that it is quick.

# %%
smaller = runs.sel(run=runs["n_params"] <= sizes[2])
results = bc.backtest(smaller, ["camel"], **quick)
for result in results:
    scores = result.scores
    print(f"{result.method}: {scores.mre:.1%} off, 90 % intervals held {scores.coverage90:.0%}")

# %%
bc.plots.calibration(results)

# %% [markdown]
# A line below the diagonal is too sure. The point fit's intervals come from a bootstrap of the
# runs, which knows no prior and no miss of the law.
#
# ## The decision
#
# What would have to be true to go ahead: converged, caveats that you can live with, and intervals
# that held here. And the answer itself has to differ from what you would do anyway.

# %%
best = posterior.optimal_mixture(
    target, reference=dict.fromkeys(("english", "chinese", "code", "math", "knowledge"), 0.2)
)
covered = next(r.scores.coverage90 for r in results if r.method == "bayes")
checks = {
    "the draws converged": posterior.status.converged,
    "no caveat": not posterior.caveats,
    "90 % intervals held at least 80 % of the time": covered >= 0.8,
    "better than equal weights with probability 0.9": best.against_reference.probability >= 0.9,
}
for words, passed in checks.items():
    print("yes" if passed else "NO ", words)
best
