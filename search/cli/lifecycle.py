"""The life of a study: created or opened, run by workers, confirmed, its best model proven."""

from __future__ import annotations

from collections.abc import Sequence

from studyhall.search.cli import finishing, stopping
from studyhall.search.cli.options import storage_option
from studyhall.search.display import frame, live, show
from studyhall.search.display.live import View
from studyhall.search.display.terminal import out, say
from studyhall.search.evaluation import best, best_text, no_result
from studyhall.search.launcher import launch, ray_cluster
from studyhall.search.launcher.ray_choice import Cluster
from studyhall.search.notices.following import following
from studyhall.search.process.device import Device
from studyhall.search.process.stop import STOPPED
from studyhall.search.process.wire import WorkerProcess
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies.rows import Study

INTERRUPTED = 130  # as the shell calls an end by Ctrl-C
LEADING = 5  # trials that a launch shows in the end


def run(
    db: Database,
    study: Study,
    url: str,
    devices: list[Device],
    *,
    quiet: bool,
    early: Sequence[WorkerProcess] = (),
    cluster: Cluster | None = None,
    view: View | None = None,
) -> int:
    """Run workers, show their progress, then prove and show the best model.

    Args:
        url: the database URL for the workers.
        quiet: print only remarks and the result.
        early: workers that were started before the study existed.
        cluster: where the workers run; None for this machine.
        view: shows the progress; default: a live table on a terminal, else lines.

    Returns:
        The exit code: that of `launch.launch`; 143 if somebody stopped the study, 1 if its budget
        is spent without a complete trial, 3 if its best model is not proven.
    """
    code = run_workers(
        db, study, url, devices, quiet=quiet, early=early, cluster=cluster, view=view
    )
    return ended(db, study, url, devices, code, quiet=quiet)


def ended(
    db: Database, study: Study, url: str, devices: list[Device], code: int, *, quiet: bool
) -> int:
    """Prove and show the best model after workers have ended, or say what is still to do.

    Args:
        code: the exit code of the workers; the others are those of `run`.
    """
    state = status.status(db, study)
    if not state.spent:
        if state.stopping:
            code = code or STOPPED
            say("somebody stopped the study; its workers have saved their trials")
        say(f"to continue: studyhall resume {study.name}{storage_option(url)}")
    elif state.incumbent is None:
        say(*no_result.lines(db, study, storage_option(url)))
        code = code or no_result.EXIT_CODE
    elif (stopped := finishing.confirm_if_asked(db, study, devices, url, quiet=quiet)) != 0:
        code = stopped
    else:
        try:
            code = finishing.finish_if_possible(db, study, url)
        except KeyboardInterrupt:
            say(*_without_proof(study, state.finished, url))
            return INTERRUPTED
        say("", *best_text.shown(best.read(db, study)))
    return code


def _without_proof(study: Study, finished: int, url: str) -> list[str]:
    """Return what an interrupted proof leaves done, and the command that does the rest."""
    trials = spelling.counted(finished, "trial")
    return [
        f"interrupted: the search is done ({trials}) and its best model is saved, but not proven",
        f"to prove and test it, with no further training: studyhall resume {study.name}"
        f"{storage_option(url)}",
    ]


def run_workers(
    db: Database,
    study: Study,
    url: str,
    devices: list[Device],
    *,
    quiet: bool,
    early: Sequence[WorkerProcess] = (),
    cluster: Cluster | None = None,
    view: View | None = None,
) -> int:
    """Run workers and show their progress; the arguments and the exit code are those of `run`."""
    stopping.lift(db, study)
    view = view or live.view(out, study.name, quiet=quiet)
    with following(db, study):
        if cluster is not None:
            code = ray_cluster.run(db, study, cluster, view, url)
        else:
            code = launch.launch(db, study, devices=devices, view=view, url=url, early=early)
    finishing.tidy(db, study)
    say(*show.standing(study, status.status(db, study)))
    if out.is_terminal and not quiet:
        _show_leading(db, study)
    return code


def _show_leading(db: Database, study: Study) -> None:
    """Show the best trials on a terminal, where the live view only had the last ones."""
    leading, _ = records.best(db, study, LEADING)
    if leading:
        say("", f"the best {min(LEADING, len(leading))} trials", frame.finished_table(leading))
