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
# # From loss to benchmark to mixture
#
# Nobody ships a loss. Your lead asks: what will the model score, and which mixture makes it score
# best? Two laws answer together, draw by draw: mixture and size to losses, losses to accuracies.

# %%
from pathlib import Path

import numpy as np

import bayescamel as bc
from bayescamel.demo import hold_out_above

runs = bc.load_proxies()
proxies, larger = hold_out_above(runs, 200_000)
target = bc.Target(n_params=476_488, n_tokens=4_764_672)
held_out = larger.sel(
    run=(larger["n_params"] == target.n_params) & (larger["n_tokens"] == target.n_tokens)
)

saved = Path("posterior.nc")  # of the first notebook
posterior = bc.Posterior.load(saved) if saved.exists() else bc.fit(proxies, progress=False)

# %% [markdown]
# ## From loss to accuracy
#
# A sigmoid between chance and a ceiling, of a weighted loss. Which losses a benchmark listens to is
# learned; so is how many questions' worth of noise an accuracy has.

# %%
benchmarks = bc.fit_benchmarks(proxies, chains=2, draws=300, tune=400, progress=False)
print(benchmarks.status)
bc.plots.benchmark_curves(benchmarks)

# %%
bc.plots.listening(benchmarks)

# %% [markdown]
# A benchmark at chance in every fitted run is *unknown*, not zero: nothing says at which loss it
# takes off.

# %%
accuracy = posterior.predict_benchmarks(
    target, held_out["mixture"], benchmarks=benchmarks, kind="run"
)
accuracy["above_chance"].to_series()

# %% [markdown]
# ## Held against runs that nobody fitted
#
# `kind="run"` is one run with its noise and its questions' luck: the one for this comparison.

# %%
drawn = accuracy["accuracy"].transpose("chain", "draw", "mixture", "benchmark")
low, high = np.quantile(drawn, [0.05, 0.95], axis=(0, 1))
observed = held_out["accuracy"].sel(benchmark=accuracy["benchmark"]).to_numpy()
error = abs(drawn.mean(("chain", "draw")).to_numpy() - observed).mean()
inside = ((low <= observed) & (observed <= high)).mean()
print(f"accuracies {error:.3f} off on average; {inside:.0%} inside their 90 % interval")

# %% [markdown]
# ## From accuracy to mixture
#
# The same search, with benchmarks as the objective: the expected error, draw by draw through both
# laws. Beside it the mixture for the losses alone. How much accuracy does the one give away?

# %%
wanted = {"continue_english": 1.0, "cloze_knowledge": 1.0}
for_scores = posterior.optimal_mixture(target, benchmarks.objective(posterior, wanted))
for_losses = posterior.optimal_mixture(target)
for_scores

# %%
for name, best in (("benchmarks", for_scores), ("losses", for_losses)):
    mixture = best.recommended
    scores = posterior.predict_benchmarks(target, mixture, benchmarks=benchmarks)["accuracy"]
    loss = float(posterior.predict(target, mixture)["loss"].mean())
    mean = scores.mean(("chain", "draw")).isel(mixture=0)
    said = ", ".join(f"{n} {float(mean.sel(benchmark=n)):.3f}" for n in wanted)
    print(f"chosen for {name}: {said}; mean loss {loss:.3f} nats per token")

# %%
bc.plots.optimum(for_scores)

# %% [markdown]
# ## The decision, as training code reads it

# %%
bc.recipe(for_scores.recommended, target)
