"""The study on SQLite and PostgreSQL, before there is a posterior."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayescamel.exceptions import (
    ConflictError,
    DesignError,
    MixtureError,
    StorageError,
    StudyError,
)
from bayescamel.study import Study
from tests.study.examples import SPACE, create, measure

CONFLICTING = replace(SPACE, bounds={"code": (0.0, 0.3), "web": (0.0, 0.3)})


def test_start_is_spread_over_mixtures_and_small_sizes(study: Study) -> None:
    asked = study.ask(8)
    assert [c.n_params for c in asked].count(1e6) == 4
    assert {c.n_params for c in asked} == {1e6, 4e6}
    shares = sorted(c.mixture["code"] for c in asked)
    assert np.diff(shares).min() > 0.02
    assert 0.05 <= shares[0] < 0.08  # a tenth of the even weight
    assert 0.92 < shares[-1] <= 0.95
    for c in asked:
        assert sum(c.mixture.values()) == pytest.approx(1)
        assert (c.n_tokens, c.flops) == (20 * c.n_params, 120 * c.n_params**2)


def test_from_nothing_the_prior_says_what_to_buy(url: str, no_fit: None) -> None:
    """Without a start runs are chosen one after the other, whatever was told before a first fit."""
    study = create(url, start=0)
    asked = [c for n in (1, 2) for c in study.ask(n)]
    assert len({(c.n_params, *c.mixture.values()) for c in asked}) == 3
    study.tell(asked[0].run_id, measure(asked[0].mixture, asked[0].n_params))
    asked += study.ask(2)
    # The mixtures of the first runs say most: they are far apart, and of a cheap size.
    shares = [c.mixture["code"] for c in asked]
    assert max(shares) - min(shares) > 0.5
    assert asked[0].n_params < 16e6
    assert not study.should_stop().stop


def test_what_is_asked_is_json(study: Study) -> None:
    (candidate,) = study.ask()
    keys = {"run_id", "n_params", "n_active_params", "n_tokens", "mixture", "seed", "flops"}
    assert set(json.loads(json.dumps(candidate.to_dict()))) == keys


def test_workers_that_ask_at_once_share_the_budget(url: str) -> None:
    costs = [120 * 1e6**2, 120 * 4e6**2]
    study = create(url, budget=4 * sum(costs))
    with ThreadPoolExecutor(6) as pool:
        batches = list(pool.map(lambda _: Study.open(url).ask(2), range(6)))
    asked = [c for batch in batches for c in batch]
    assert len({c.run_id for c in asked}) == len(asked) >= 8
    assert len({(c.n_params, tuple(c.mixture.items())) for c in asked}) == len(asked)
    assert sum(c.flops for c in asked) <= study.settings.budget
    assert study.snapshot().reserved() == sum(c.flops for c in asked)


def test_budget_ends_the_asking(url: str) -> None:
    study = create(url, budget=3.5 * 120 * 1e6**2)
    assert len(study.ask(10)) == 3
    assert study.ask(10) == []
    stop = study.should_stop()
    assert not stop.stop  # runs are still pending
    for run in study.snapshot().runs:
        study.tell(run.run_id, measure(run.mixture, run.n_params))
    assert study.should_stop().stop
    assert "budget is spent" in study.should_stop().reason


def test_status_before_there_is_a_posterior(study: Study) -> None:
    first, second, _pending = study.ask(3)
    study.tell(first.run_id, measure(first.mixture, first.n_params))
    study.fail(second.run_id, "out of memory")
    status = study.status()
    assert (status.told, status.pending, status.failed) == (1, 1, 1)
    assert status.flops_spent == first.flops + second.flops
    assert status.flops_left == study.settings.budget - status.flops_spent
    assert status.recommended is None
    assert status.expected_regret is None
    with pytest.raises(StudyError, match="too few"):
        study.best_mixture()


def test_a_run_that_failed_is_not_asked_for_again(url: str) -> None:
    study = create(url)
    asked = study.ask(4)
    for c in asked:
        study.fail(c.run_id, "no")
    again = study.ask(4)
    assert not {tuple(c.mixture.items()) for c in asked} & {tuple(c.mixture.items()) for c in again}


def test_cells_are_repeated_with_other_seeds_only(url: str) -> None:
    space = replace(SPACE, bounds={"code": (0.5, 0.5)}, seeds=2)
    asked = create(url, space=space).ask(20)
    assert sorted((c.n_params, c.seed) for c in asked) == [
        (1e6, 0),
        (1e6, 1),
        (4e6, 0),
        (4e6, 1),
    ]


def test_a_restarted_worker_gets_its_runs_back(study: Study, url: str) -> None:
    asked = study.ask(3)
    study.renew([c.run_id for c in asked], 0)
    assert [c.run_id for c in Study.open(url).ask(3)] == [c.run_id for c in asked]


def test_tell_is_repeated_corrected_and_refused(study: Study) -> None:
    (candidate,) = study.ask()
    losses = measure(candidate.mixture, candidate.n_params)
    assert study.tell(candidate.run_id, losses)
    assert not study.tell(candidate.run_id, losses)
    other = losses | {"web": 2.0}
    with pytest.raises(ConflictError, match=candidate.run_id):
        study.tell(candidate.run_id, other)
    assert study.correct(candidate.run_id, other)
    assert study.runs()["loss_web"][0] == 2.0


def test_first_run_must_have_the_objective(url: str) -> None:
    study = create(url, objective={"math": 1.0})
    (candidate,) = study.ask()
    with pytest.raises(StudyError, match=r"objective weighs 'math'.*code, web"):
        study.tell(candidate.run_id, {"code": 3.0, "web": 3.0})
    assert study.snapshot().told() == ()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"budget": 1e10}, StudyError, "does not pay for the cheapest run"),
        ({"budget": -1.0}, StudyError, "budget = -1"),
        ({"acquisition": "best"}, DesignError, "unknown acquisition 'best'.*variance"),
        ({"start": -1}, StudyError, "start = -1"),
        ({"space": CONFLICTING}, MixtureError, "code"),
    ],
)
def test_what_cannot_be_created(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    where = tmp_path / "study.db"
    with pytest.raises(error, match=message):
        create(where, **options)
    assert not where.exists()


def test_asking_for_nothing_is_refused(study: Study) -> None:
    for n, lease in ((0, 60.0), (1, 0.0)):
        with pytest.raises(StudyError, match="at least one run"):
            study.ask(n, lease=lease)


def test_existing_study_is_not_overwritten(url: str) -> None:
    create(url)
    with pytest.raises(StorageError, match="already"):
        create(url)
