"""What a fit learns of repeated tokens, from runs whose R* is known."""

import numpy as np

import bayescamel as bc
from bayescamel.laws.repetition import Repetition
from tests.camel_runs import simulated_table

R_STAR = 8.0


def test_the_worth_of_repeated_tokens_is_learned() -> None:
    """Half the prior's median, which is 1.6 of its standard deviations away."""
    runs = bc.read_runs(simulated_table(r_star=R_STAR)[0])
    fitted = bc.fit(runs, chains=2, draws=200, tune=400, progress=False)
    found = np.log(fitted.flat("r_star"))
    # Of three domains each is in a 98 % interval but in one of twenty such tables.
    low, high = np.quantile(found, [0.01, 0.99], axis=0)
    assert ((low < np.log(R_STAR)) & (np.log(R_STAR) < high)).all()
    assert (found.std(axis=0) < 0.75 * Repetition().log_sd).all()
    # Taken for fresh, the same tokens are worth less than they are: runs scatter more.
    fresh = bc.fit(runs.drop_vars("unique"), chains=2, draws=200, tune=400, progress=False)
    assert (fresh.flat("sigma").mean(axis=0) > 1.2 * fitted.flat("sigma").mean(axis=0)).all()
    assert fitted.tree["posterior"]["r_star"].dims == ("chain", "draw", "domain")


def test_a_point_fit_has_it_too() -> None:
    """Within half of the prior's width around the truth, without a prior to pull it there."""
    runs = bc.read_runs(simulated_table(r_star=R_STAR, n_runs=96)[0])
    point = bc.fit(runs, method="point", progress=False)
    found = np.log(point.parameters["r_star"].to_numpy())
    assert np.abs(found - np.log(R_STAR)).max() < Repetition().log_sd
