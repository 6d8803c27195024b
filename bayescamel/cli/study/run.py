"""``bayescamel study run``: the loop, here or on a Ray cluster."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, quiet_stdout
from bayescamel.exceptions import StudyError

if TYPE_CHECKING:
    from bayescamel.study import Study
    from bayescamel.study.launchers import Launcher
    from bayescamel.study.trainers import Trainer

SAME_COST = 0.05
"""Share by which the FLOPs that a study counts may miss those of our trainer: rounding."""


class Where(StrEnum):
    """Where runs are trained."""

    local = "local"
    ray = "ray"


@guarded
def run(
    where: options.StudyPlace,
    launcher: Annotated[
        Where, typer.Option(help="Processes here, or tasks on a Ray cluster.")
    ] = Where.local,
    workers: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    command: Annotated[
        str | None,
        typer.Option(help="Your own trainer: 'train.py {candidate} {record}'; default: ours."),
    ] = None,
    corpora: Annotated[
        Path | None, typer.Option(help="Text for our trainer: <domain>/ or <domain>.jsonl.")
    ] = None,
    gpus: Annotated[
        str, typer.Option(help="GPUs of a run by least parameters: 1e9=4,8e9=8; below: 1.")
    ] = "",
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Runs asked for at a time; default: as many as workers."),
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Further tries of a run that failed.")] = 1,
    until_budget: Annotated[
        bool, typer.Option("--until-budget", help="Do not stop before the budget is spent.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Of records and logs; default: beside the study.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; default: one on this machine.")
    ] = None,
    worker: options.Worker = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Train proxies until the budget is spent or the next batch is not worth it.

    Ctrl-C or SIGTERM ends it; the same command goes on.
    """
    from bayescamel.study.trainers import Trainer

    rule = _gpus(gpus)
    with quiet_stdout():
        from rich.console import Console

        from bayescamel.study import Study
        from bayescamel.study.loop import Loop
        from bayescamel.study.view import View

        study = Study.open(where, name=name)
        kept = folder or _beside(where, name)
        if command is None:
            if rule:
                raise StudyError(
                    "our trainer trains a run on one device: --gpus needs your own, by --command "
                    "'torchrun --nproc-per-node {gpus} train.py {candidate} {record}'"
                )
            _check_costs(study)
            trainer = Trainer.of_proxies(_corpora(kept, corpora))
        else:
            trainer = Trainer.of_template(command, rule)
        view = View(study, Console(stderr=True))
        chosen = _launcher(launcher, trainer, kept, workers, device, retries, ray_address)
        loop = Loop(
            study,
            chosen,
            kept,
            batch=batch or workers,
            stop_early=not until_budget,
            worker=worker,
            watch=view,
        )
        with _ended_by_sigterm(), view.showing():
            reason = loop.run()
        status = study.status()
    if json:
        answer({"reason": reason} | asdict(status))
        return
    typer.echo(reason)
    for domain, share in (status.best_mixture or {}).items():
        typer.echo(f"  {domain}  {share:.3f}")


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Take SIGTERM, by which schedulers end a job, for Ctrl-C: trainers end, leases return."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def our_trainer() -> ModuleType:
    """`proxies.launch`, where its extra is installed."""
    try:
        from proxies import launch
    except ImportError as error:
        raise StudyError(
            "our proxies need PyTorch: pip install 'bayescamel[proxies]'; your own trainer is "
            "given by --command"
        ) from error
    return launch


def _check_costs(study: "Study") -> None:
    """Refuse costs that are not those of our trainer: 6 N D is half of a tiny proxy's."""
    proxy_size = our_trainer().proxy_size
    for size in study.settings.space.sizes:
        counted, actual = size.flops(1), proxy_size(size.n_params).flops(1)
        if abs(counted / actual - 1) > SAME_COST:
            raise StudyError(
                f"the study counts {counted:.3g} FLOPs a token for {size.n_params:g} parameters, "
                f"our trainer {actual:.3g}: create the study with --proxies, or give your own "
                "trainer by --command"
            )


def _corpora(folder: Path, source: Path | None) -> Path:
    """Saved corpora, once for all runs of the study: each would build them again."""
    from proxies.corpora import default_cache

    find_corpora = our_trainer().find_corpora
    typer.echo("looking for the text to train on", err=True)
    found: Path = find_corpora(folder, source, default_cache())
    return found


def _beside(where: str, name: str) -> Path:
    from bayescamel.study.database import Database

    file = Database(where).file
    return Path(f"{name}.runs") if file is None else file.with_name(f"{file.stem}.runs")


def _launcher(
    kind: Where,
    trainer: "Trainer",
    folder: Path,
    workers: int,
    device: str,
    retries: int,
    address: str | None,
) -> "Launcher":
    if device not in ("cpu", "cuda"):
        raise StudyError(f"--device {device!r}: choose cpu or cuda")
    if kind is Where.ray:
        from bayescamel.study.ray_launcher import RayLauncher

        return RayLauncher(
            trainer, folder, workers, address=address, gpu=device == "cuda", retries=retries
        )
    from bayescamel.study.launchers import LocalLauncher

    devices = ["cpu"] * workers
    if device == "cuda":
        devices = [f"cuda:{number}" for number in range(workers)]
    return LocalLauncher(trainer, folder, devices, retries)


def _gpus(text: str) -> dict[float, int]:
    result = {}
    for item in (part for part in text.split(",") if part):
        least, equals, count = item.partition("=")
        try:
            result[float(least)] = int(count)
        except ValueError:
            equals = ""
        if not equals or result[float(least)] < 1:
            raise StudyError(f"--gpus {item!r} is not of the form parameters=count")
    return result
