"""What a study does with a posterior, on one that is sampled once."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescamel.posterior import Posterior
from bayescamel.study import Study, posteriors
from bayescamel.study.outlook import Outlooks
from bayescamel.study.proposing import weigh
from bayescamel.targets import Target
from tests.study.examples import QUICK, SETTINGS, SPACE, create, elsewhere, train


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
