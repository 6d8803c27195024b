import numpy as np
import pandas as pd

from proxies.straight import LEAST_NOISE, off_ladder, seed_noise

SIZES = np.array([50e3, 150e3, 450e3, 1.3e6])


def ladder(noise: float = 0.0) -> pd.DataFrame:
    """A power law with a floor, three seeds at the first two sizes."""
    rng = np.random.default_rng(0)
    rows = []
    for size in SIZES:
        for seed in range(3 if size < 200e3 else 1):
            loss = (1.2 + 30 * size**-0.3) * np.exp(noise * rng.normal(size=2))
            rows.append(
                {
                    "run_id": f"n{size:g}-s{seed}",
                    "n_params": size,
                    "n_active_params": size,
                    "n_tokens": 10 * size,
                    "seed": seed,
                    "w_a": 0.5,
                    "w_b": 0.5,
                    "epochs_a": 0.1,
                    "loss_a": loss[0],
                    "loss_b": loss[1],
                }
            )
    return pd.DataFrame(rows)


def test_a_straight_ladder_gives_no_warning() -> None:
    assert off_ladder(ladder()) == []
    assert off_ladder(ladder(0.003)) == []


def test_a_run_above_its_neighbours_is_named_with_the_domain() -> None:
    table = ladder(0.003)
    table.loc[table["n_params"] == 450e3, "loss_b"] *= 1.06
    (found,) = off_ladder(table)
    assert (found.run_id, found.domain) == ("n450000-s0", "b")
    # The curve is convex, so that the chord hides a part of the 6 %.
    assert 0.03 < found.excess < 0.06
    assert "n450000-s0 is off the ladder" in str(found)


def test_sparse_runs_and_repeated_text_do_not_count() -> None:
    table = ladder()
    bad = table[table["n_params"] == 450e3].assign(loss_a=9.0)
    sparse = bad.assign(n_active_params=100e3, run_id="x")
    repeated = bad.assign(epochs_a=4.0, run_id="y")
    assert off_ladder(pd.concat([table, sparse, repeated])) == []


def test_sizes_are_compared_at_equal_tokens_a_parameter() -> None:
    """Small sizes have runs of more tokens, as in a sweep: no larger one is off for that."""
    table = ladder()
    longer = table[table["n_params"] < 200e3]
    longer = longer.assign(n_tokens=4 * longer["n_tokens"], run_id=longer["run_id"] + "-long")
    longer[["loss_a", "loss_b"]] *= 0.85
    assert off_ladder(pd.concat([table, longer])) == []


def test_sizes_of_equal_tokens_are_compared_too() -> None:
    table = ladder().assign(n_tokens=1e6)
    assert off_ladder(table) == []
    table.loc[table["n_params"] == 450e3, "loss_b"] *= 1.06
    assert [found.run_id for found in off_ladder(table)] == ["n450000-s0"]


def test_noise_is_that_between_seeds() -> None:
    # Two sizes of three seeds and two losses: 8 degrees of freedom, four standard errors.
    assert abs(seed_noise(ladder(0.02), ["loss_a", "loss_b"]) / 0.02 - 1) < 1
    assert seed_noise(ladder(), ["loss_a"]) == LEAST_NOISE
    assert seed_noise(ladder()[ladder()["seed"] == 0], ["loss_a"]) == LEAST_NOISE
