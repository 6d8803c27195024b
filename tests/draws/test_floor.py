"""Losses stay losses: noise takes none below 0, and a law that falls there is doubted."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import bayescamel as bc
from bayescamel.cli import app
from bayescamel.draws.prediction import impossible
from bayescamel.draws.scatter import scattered
from bayescamel.exceptions import ExtrapolationWarning
from tests.prior_posterior import example_runs, prior_posterior

FAR = bc.Target(1e14, 1e16)
"""So far that the prior's floors alone are left, some of them below 0."""


def test_noise_is_added_to_first_order_and_keeps_losses_positive() -> None:
    noise = np.array([-1e-4, 1e-4])
    # The second order is half the square of the noise.
    np.testing.assert_allclose(scattered(np.ones(2), noise), 1 + noise, atol=1e-8)
    lowered = scattered(np.full(3, 1e-3), np.array([-1e-3, -0.01, -0.3]))
    assert (lowered > 0).all()
    assert (np.diff(lowered) < 0).all()


def test_noise_far_above_a_small_loss_does_not_explode() -> None:
    loss = np.array([1e-300, 1e-6, 1e-3])
    np.testing.assert_allclose(scattered(loss, np.full(3, 0.1)), 0.1, rtol=0.02)
    assert scattered(np.array([-0.1]), np.array([0.02]))[0] == pytest.approx(-0.08)


def test_domains_with_draws_below_zero_are_named() -> None:
    losses = np.ones((2, 100, 3, 2))
    assert impossible(losses, ["web", "math"]) == ()
    losses[0, :3, 1, 1] = 0.0  # three of the 200 draws, on one mixture
    (words,) = impossible(losses, ["web", "math"])
    assert "'math' at or below 0" in words
    assert "web" not in words


def test_a_law_that_falls_below_zero_is_doubted_in_predictions_and_decisions() -> None:
    posterior = prior_posterior(example_runs())
    with pytest.warns(ExtrapolationWarning, match="at or below 0"):
        predicted = posterior.predict(FAR)
    # Expected all the same within a few reference losses: nothing explodes.
    assert float(abs(predicted["loss"]).max()) < 100 * float(posterior.centre.loss.max())
    with pytest.warns(ExtrapolationWarning, match="at or below 0"):
        posterior.optimal_mixture(FAR, max_draws=50)


def test_the_command_line_says_it_once(tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    prior_posterior(example_runs()).save(path)
    target = (str(path), "--params", "1e14", "--tokens", "1e16")
    shown = CliRunner().invoke(app, ["predict", *target])
    assert shown.exit_code == 0, shown.output
    assert shown.stderr.count("at or below 0") == 1
    assert "beyond the runs by more than they reach" in shown.stdout
    for command in ("predict", "mix"):
        said = CliRunner().invoke(app, [command, *target, "--json"])
        assert said.exit_code == 0, said.output
        assert "at or below 0" in json.loads(said.stdout)["caveats"][0]
