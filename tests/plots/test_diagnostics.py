"""ArviZ's own pictures on draws: as its users call them, and of what mixed worst."""

from dataclasses import replace

import numpy as np
import pytest

from bayescamel import plots
from bayescamel.exceptions import PlotError
from bayescamel.plots.diagnostics import worst
from bayescamel.posterior import Posterior


def test_arviz_reads_the_tree(simulated_posterior: Posterior) -> None:
    import arviz as az

    tree = simulated_posterior.tree
    n = simulated_posterior.runs.sizes["validation"]
    for picture in (az.plot_trace, az.plot_rank, az.plot_dist, az.plot_ess):
        viz = picture(tree, var_names=["alpha"]).viz
        assert viz["plot"]["alpha"].sizes == {"validation": n}
    first = {"validation": [str(simulated_posterior.runs["validation"][0].item())]}
    pairs = az.plot_pair(tree, var_names=["alpha", "beta"], coords=first)
    assert len(pairs.viz["figure"].item().axes) == 4
    assert len(az.plot_energy(tree).viz["figure"].item().axes) == 2
    table = az.summary(tree, var_names=["alpha"])
    assert len(table) == n
    assert table["r_hat"].astype(float).max() <= simulated_posterior.status.rhat_max + 0.005


def test_the_worst_are_those_of_largest_rhat(simulated_posterior: Posterior) -> None:
    import arviz_stats as az

    rhat = az.rhat(simulated_posterior.tree["posterior"].to_dataset())
    named = {name: v for name, v in rhat.data_vars.items() if not str(name).startswith("log_")}
    values = np.sort(np.concatenate([v.to_numpy().ravel() for v in named.values()]))
    names = list(worst(simulated_posterior, 3)["posterior"].data_vars)
    assert [str(name).rsplit(" ", 1)[1] for name in names] == [f"{v:.3f}" for v in values[::-1][:3]]
    for picture, n_axes in ((plots.trace, 3), (plots.rank, 3), (plots.worst_pairs, 9)):
        figure = picture(simulated_posterior, 3)
        assert len(figure.axes) >= n_axes
    assert len(plots.energy(simulated_posterior).axes) == 2


def test_what_has_no_chains_is_refused(simulated_posterior: Posterior) -> None:
    with pytest.raises(PlotError, match="2 quantities or more, not 1"):
        plots.trace(simulated_posterior, 1)
    with pytest.raises(PlotError, match="no chains"):
        plots.energy(replace(simulated_posterior, is_point_fit=True))
