"""The study on SQLite and PostgreSQL; what needs a posterior, on one that is sampled once."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescamel.exceptions import (
    ConflictError,
    DesignError,
    MixtureError,
    StorageError,
    StudyError,
)
from bayescamel.posterior import Posterior
from bayescamel.study import Study, posteriors
from bayescamel.study.outlook import Outlooks
from bayescamel.study.proposing import weigh
from bayescamel.targets import Target
from tests.study.examples import QUICK, SETTINGS, SPACE, create, elsewhere, measure

CONFLICTING = replace(SPACE, bounds={"code": (0.0, 0.3), "web": (0.0, 0.3)})


def train(study: Study, n: int, seed: int = 0) -> list[str]:
    """Ask for runs and tell what they would measure."""
    rng = np.random.default_rng(seed)
    candidates = study.ask(n)
    for c in candidates:
        study.tell(c.run_id, measure(c.mixture, c.n_params, 0.003 * rng.normal()))
    return [c.run_id for c in candidates]


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


# With a posterior.


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with ten told runs, and the posterior beside it."""
    folder = tmp_path_factory.mktemp("fitted")
    study = create(folder / "study.db")
    train(study, 10)
    study.posterior()
    return folder


@pytest.fixture
def folder(fitted: Path, tmp_path: Path) -> Path:
    shutil.copytree(fitted, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampling is not needed, and would fail."""

    def fit(*_args: object, **_options: object) -> Any:
        raise AssertionError("sampled")

    monkeypatch.setattr(posteriors, "fit", fit)


def test_kept_posterior_serves_a_new_process(folder: Path, no_fit: None) -> None:
    study = Study.open(folder / "study.db")
    assert study.settings == replace(SETTINGS)
    status = study.status()
    assert status.recommended is not None
    assert sum(status.recommended.values()) == pytest.approx(1)
    # Ten runs leave something to be regretted, and less than the losses themselves.
    assert status.expected_regret is not None
    assert 0 < status.expected_regret < 1.0
    before = study.should_stop(1)
    (candidate,) = study.ask()
    assert before.cost == candidate.flops


def test_what_is_recommended_keeps_the_bounds(folder: Path, no_fit: None) -> None:
    """Of the kept posterior: as it is, and where bounds cut the optimum off."""
    study = Study.open(folder / "study.db")
    free = study.best_mixture().optimum.to_numpy()
    least, most = SPACE.box()
    assert (free >= least - 1e-9).all()
    assert (free <= most + 1e-9).all()
    place = int(free.argmax())
    half = float(free[place]) / 2
    space = replace(SPACE, bounds={SPACE.domains[place]: (0.0, half)})
    outlook = Outlooks(replace(SETTINGS, space=space), study._posteriors).of(study.snapshot())
    assert outlook is not None
    assert outlook.best.recommended.to_numpy()[place] <= half + 1e-9
    assert outlook.best.draws.to_numpy()[:, place].max() <= half + 1e-9


def test_a_stop_for_worth_waits_for_convergence_and_a_third_size(folder: Path) -> None:
    """No batch is worth a target that costs less than one run."""
    tiny = Target(n_params=1e6, n_tokens=1e6)
    study = Study.open(folder / "study.db")
    study.best_mixture()
    seen, known = study.snapshot(), study.last_outlook()
    assert known is not None
    assert {run.n_params for run in seen.told()} == {1e6, 4e6}
    settings = replace(SETTINGS, target=tiny)
    outlook = replace(known, settings=settings)
    # Of 16e6 parameters a run costs 3e16 FLOPs.
    poor = replace(settings, budget=seen.spent() + 1e16)
    doubted, settled = replace(outlook, doubts=("R-hat",)), replace(outlook, doubts=())
    both = weigh(settings, seen, doubted, 1)
    assert "the draws did not converge; the runs have fewer than 3 sizes" in both.reason
    assert [both.stop, weigh(poor, seen, doubted, 1).stop] == [False, False]
    assert [weigh(s, seen, settled, 1).stop for s in (settings, poor)] == [False, True]


def test_informed_runs_differ_and_are_pending_for_everybody(folder: Path, no_fit: None) -> None:
    study = Study.open(folder / "study.db")
    asked = study.ask(2) + study.ask(2)
    assert len({(c.n_params, tuple(c.mixture.items())) for c in asked}) == 4
    assert all(min(c.mixture.values()) >= 0 for c in asked)
    pending = Study.open(folder / "study.db").snapshot().pending()
    assert [run.run_id for run in pending] == [c.run_id for c in asked]


def test_informed_runs_fit_the_budget(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Study.open(folder / "study.db")
    posterior = before.posterior()
    monkeypatch.setattr(posteriors, "fit", lambda runs, **_: replace(posterior, runs=runs))
    cheapest = 120 * 1e6**2
    poor = create(tmp_path / "poor.db", budget=5.5 * cheapest)
    poor.attach(before.runs())
    # A run of the second size costs as much as sixteen of the first, and five are paid for.
    asked = poor.ask(3) + poor.ask(10)
    assert [c.flops for c in asked] == [cheapest] * 5
    assert poor.ask(1) == []


def test_broken_and_missing_files_are_sampled_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (kept,) = (folder / "study.posteriors").glob("*.nc")
    posterior = Study.open(folder / "study.db").posterior()
    monkeypatch.setattr(posteriors, "fit", lambda *_args, **_options: posterior)
    kept.write_bytes(b"no posterior")
    study = Study.open(folder / "study.db")
    assert study.posterior() is posterior
    assert "sampled again" in caplog.text
    shutil.rmtree(folder / "study.posteriors")
    assert Study.open(folder / "study.db").posterior() is posterior


def test_refit_begins_from_the_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study.open(folder / "study.db")
    before = study.posterior()
    seen = []

    def fit(runs: xr.Dataset, law: str, warm_start: Any = None, **options: Any) -> Any:
        seen.append(warm_start)
        tree = before.tree
        return replace(before, runs=runs, tree=tree)

    monkeypatch.setattr(posteriors, "fit", fit)
    monkeypatch.setattr(posteriors, "MAX_WARM_RHAT", np.inf)
    study.attach(elsewhere().iloc[:2])
    after = study.posterior()
    assert after.runs.sizes["run"] == 12
    assert seen == [before]
    assert len(list((folder / "study.posteriors").glob("*.nc"))) <= posteriors.N_KEPT


def sampled(monkeypatch: pytest.MonkeyPatch, posterior: Posterior) -> list[dict[str, Any]]:
    """What `fit` is asked for, which answers with this posterior of other runs."""
    seen: list[dict[str, Any]] = []

    def fit(runs: xr.Dataset, **options: Any) -> Posterior:
        seen.append(options)
        return replace(posterior, runs=runs)

    monkeypatch.setattr(posteriors, "fit", fit)
    return seen


def copy_runs(study: Study, other: Study) -> None:
    """Attach what one study knows to another."""
    other.attach(study.runs().drop(columns=["flops", "seed"]))


def test_no_study_gets_another_ones_posterior(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one name with another's at its start, of a name with a slash, or of another law."""
    study = Study.open(folder / "study.db")
    seen = sampled(monkeypatch, study.posterior())
    others = [
        create(folder / "study.db", name="study-7b"),
        create(folder / "study.db", name="../../team/mix"),
        create(folder / "study.db", name="law", fit=replace(QUICK, law="additive")),
    ]
    for number, other in enumerate(others, start=1):
        copy_runs(study, other)
        other.posterior()
        assert len(seen) == number
        assert seen[-1].get("warm_start") is None
    kept = list((folder / "study.posteriors").glob("*.nc"))
    assert len(kept) == 4
    assert set(folder.parent.rglob("*.nc")) == set(kept)
    for name in ("study-7b", "../../team/mix"):
        Study.open(folder / "study.db", name=name).posterior()
    assert len(seen) == 3  # what was kept serves its own study


def test_a_study_made_anew_in_the_same_place_is_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.open(folder / "study.db")
    posterior, runs = study.posterior(), study.runs()
    for path in folder.glob("study.db*"):
        path.unlink()
    seen = sampled(monkeypatch, posterior)
    again = create(folder / "study.db")
    again.attach(runs.drop(columns=["flops", "seed"]))
    again.posterior()
    assert len(seen) == 1


def test_a_file_of_another_law_under_the_right_name_is_not_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.open(folder / "study.db")
    posterior = study.posterior()
    hierarchy = replace(posterior.hierarchy, pooling="none")
    (kept,) = (folder / "study.posteriors").glob("*.nc")
    replace(posterior, hierarchy=hierarchy).save(kept, force=True)
    seen = sampled(monkeypatch, posterior)
    assert Study.open(folder / "study.db").posterior().hierarchy == posterior.hierarchy
    assert len(seen) == 1


def test_files_that_others_delete_meanwhile_are_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.open(folder / "study.db")
    seen = sampled(monkeypatch, study.posterior())
    gone = folder / "study.posteriors" / "gone.nc"
    monkeypatch.setattr(Path, "glob", lambda path, pattern: iter([gone]))
    again = Study.open(folder / "study.db")
    again.attach(elsewhere().iloc[:1])
    again.posterior()
    assert len(seen) == 1


# Runs made elsewhere.


def test_existing_study_is_not_overwritten(url: str) -> None:
    create(url)
    with pytest.raises(StorageError, match="already"):
        create(url)
