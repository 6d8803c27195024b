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
# # Which proxy next? A design loop by ask and tell
#
# There is compute for some two dozen proxies and no table yet. Instead of a grid decided on Monday,
# a *study* decides after every batch: it asks for runs, is told what they measured, and says when
# the next ones are not worth their FLOPs.
#
# Training is played here by a function, so that the notebook takes a minute and we know the truth.
# Yours is `train(candidate)`; on a cluster it is `bayescamel study run --command "train.py ..."`.

# %%
from pathlib import Path

import numpy as np

import bayescamel as bc

DOMAINS = ("code", "math", "web")
HELP = np.array([[0.09, 0.03, 0.02], [0.02, 0.12, 0.01], [0.01, 0.01, 0.08]])
noise = np.random.default_rng(0)


def true_loss(mixture, n_params, n_tokens):
    """Each domain's loss falls with size, tokens and the data that helps it."""
    curve = 1.4 + 1.1 * (n_params / 1e7) ** -0.15 + 0.6 * (n_tokens / 2e8) ** -0.2
    weights = np.array([mixture[name] for name in DOMAINS])
    helped = np.log((3 * HELP * weights).sum(1) / HELP.sum(1) + 0.05)
    return curve - HELP.sum(1) * (n_params / 1e7) ** -0.05 * helped


def train(candidate):
    """What your cluster does for days."""
    loss = true_loss(candidate.mixture, candidate.n_params, candidate.n_tokens)
    return {"loss": dict(zip(DOMAINS, loss + noise.normal(0, 0.004, 3), strict=True))}


# %% [markdown]
# ## The study
#
# What may be trained, what it is for, and what there is to spend. It is a file: kill the notebook,
# open it again, go on.

# %%
space = bc.Space(
    domains=DOMAINS, sizes=(bc.Size(2e6), bc.Size(8e6), bc.Size(32e6)), tokens_per_param=(20.0,)
)
target = bc.Target(n_params=1e9, n_tokens=2e10)
file, options = Path("study.db"), bc.FitOptions(chains=2, draws=200, tune=300)
if file.exists():
    study = bc.Study.open(file)
else:
    study = bc.Study.create(file, space, target, budget=2.5e17, fit=options)
study.status()

# %% [markdown]
# ## Ask, train, tell
#
# The first runs are spread over mixtures and small sizes. From then on every batch is chosen for
# what it tells of the target, per FLOP.

# %%
history = []
while True:
    candidates = study.ask(6)
    if not candidates:
        break
    for candidate in candidates:
        study.tell(candidate.run_id, train(candidate))
    if study.status().recommended is None:
        continue
    spent, best, stop = study.snapshot().spent(), study.best_mixture(), study.should_stop()
    history.append((spent, best))
    print(f"{spent:.2g} FLOPs, expected regret {best.regret:.4f}: {stop.reason}")
    if stop.stop or len(history) == 3:
        break
study.status()

# %% [markdown]
# ## What the FLOPs bought, and where the study pointed

# %%
bc.plots.learning(history)

# %%
bc.plots.proposals(study)

# %%
bc.plots.spending(study)

# %%
bc.plots.allocation(study)

# %% [markdown]
# ## The decision, against the truth
#
# Here the truth can be asked. What does the recommended mixture lose against the best there is?

# %%
best = study.best_mixture()
grid = np.random.default_rng(1).dirichlet(np.ones(3), 4000)
losses = [true_loss(dict(zip(DOMAINS, m, strict=True)), 1e9, 2e10).mean() for m in grid]
weights = dict(zip(DOMAINS, map(float, best.recommended), strict=True))
lost = true_loss(weights, 1e9, 2e10).mean() - min(losses)
print(f"expected regret {best.regret:.4f} nats per token, true regret {lost:.4f}")
print("best there is:", dict(zip(DOMAINS, grid[np.argmin(losses)].round(2).tolist(), strict=True)))
best
