"""``bayescamel study run``: the loop, here or on a Ray cluster."""

import contextlib
import shlex
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, quiet_stdout, say
from bayescamel.exceptions import StudyError
from bayescamel.output import check_output, file_name

if TYPE_CHECKING:
    from bayescamel.study import Study
    from bayescamel.study.launchers import Launcher
    from bayescamel.study.loop import Progress
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
        typer.Option(
            help="Your own trainer: 'python train.py {candidate} {record}'; default: ours."
        ),
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
    timeout: Annotated[
        float | None, typer.Option(help="Seconds after which a run is ended; default: never.")
    ] = None,
    until_budget: Annotated[
        bool, typer.Option("--until-budget", help="Do not stop before the budget is spent.")
    ] = False,
    wait: Annotated[
        bool, typer.Option(help="Wait for runs that others hold, which may come back.")
    ] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Of records and logs; default: beside the study.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Keep a page there of what is known, as `bayescamel report` writes it."),
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; default: one on this machine.")
    ] = None,
    worker: options.Worker = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Train proxies until the budget is spent or the next batch is not worth it.

    Ctrl-C, SIGTERM or SIGHUP ends it, and the trainers with it; the same command goes on. A
    trainer that failed three times in a row ends it too.
    """
    from bayescamel.study.trainers import Trainer

    rule = _gpus(gpus)
    if report is not None:
        check_output(report, force=True)
    with quiet_stdout():
        from rich.console import Console

        from bayescamel.reports.live import LivePage
        from bayescamel.study import Study
        from bayescamel.study.loop import Loop, Progress
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
        watch: Callable[[Progress], None] = view
        if report is not None:
            again = ["bayescamel", "report", where, "--name", name, "-o", str(report)]
            watch = _watched(view, LivePage(study, report, shlex.join(again)))
        tries = {"retries": retries, "timeout": _positive(timeout)}
        chosen = _launcher(launcher, trainer, kept, workers, device, ray_address, **tries)
        loop = Loop(
            study,
            chosen,
            kept,
            batch=batch or workers,
            stop_early=not until_budget,
            wait=wait,
            worker=worker,
            watch=watch,
        )
        with _ended_by_signals(), view.showing():
            reason = loop.run()
        status = study.status()
        if report is not None:
            watch(loop.progress)  # the last runs were told after the last look
    if json:
        answer({"reason": reason} | asdict(status))
        return
    say(f"{reason}\n{status}")
    for caveat in status.caveats:
        say(f"caveat: {caveat}", err=True)


def _watched(
    *watchers: "Callable[[Progress], None]",
) -> "Callable[[Progress], None]":
    """All that watch the loop, one after the other."""

    def watch(progress: "Progress") -> None:
        for one in watchers:
            one(progress)

    return watch


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Take for Ctrl-C what schedulers and terminals end a job by: trainers end, leases return."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    # What is ignored already, as SIGHUP under nohup, stays so.
    wanted = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, interrupt) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _positive(timeout: float | None) -> float | None:
    if timeout is not None and not 0 < timeout < float("inf"):
        raise StudyError(f"--timeout {timeout:g}: a positive number of seconds is needed")
    return timeout


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
        counted, actual = size.flops(1), proxy_size(size.n_params, size.n_active_params).flops(1)
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
    say("looking for the text to train on", err=True)
    found: Path = find_corpora(folder, source, default_cache())
    return found


def _beside(where: str, name: str) -> Path:
    """A folder of the study's own: runs of two studies in one database have the same names."""
    from bayescamel.study.database import Database

    own = file_name(name)
    file = Database(where).file
    if file is None:
        return Path(f"{own}.runs")
    return file.with_name(f"{file.stem}.runs" if name == "study" else f"{file.stem}.{own}.runs")


def _launcher(
    kind: Where,
    trainer: "Trainer",
    folder: Path,
    workers: int,
    device: str,
    address: str | None,
    **tries: Any,
) -> "Launcher":
    if device not in ("cpu", "cuda"):
        raise StudyError(f"--device {device!r}: choose cpu or cuda")
    if kind is Where.ray:
        from bayescamel.study.ray_launcher import RayLauncher

        return RayLauncher(trainer, folder, workers, address=address, gpu=device == "cuda", **tries)
    from bayescamel.study.launchers import LocalLauncher

    devices = ["cpu"] * workers
    if device == "cuda":
        devices = [f"cuda:{number}" for number in range(workers)]
    return LocalLauncher(trainer, folder, devices, **tries)


def _gpus(text: str) -> dict[float, int]:
    result = {}
    for item in (part for part in text.split(",") if part):
        least, equals, count = item.partition("=")
        try:
            result[float(least)] = int(count)
        except ValueError:
            equals = ""
        if not equals or not 1 <= result[float(least)] <= 1024:
            raise StudyError(f"--gpus {item!r} is not of the form parameters=count")
    return result
