"""A search by a function of the user's in several processes, which get it from this one."""

from __future__ import annotations

from studyhall.search.api import launch_checks, outcomes
from studyhall.search.cli import lifecycle, run
from studyhall.search.display import live
from studyhall.search.display.terminal import out, say
from studyhall.search.launcher import places
from studyhall.search.process.device import Device
from studyhall.search.scripts import alone, handed_call
from studyhall.search.scripts import call as calls
from studyhall.search.scripts.alone import Alone
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.session import Searched
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study


class OwnWorkers(Alone):
    """The part of a process whose workers run the trials, with the function that it hands them.

    Args:
        given: keys of ``[workers]``: how many, on which GPUs.
        quiet: print remarks and the result only.
    """

    def __init__(self, given: places.Given, *, quiet: bool) -> None:
        self._given, self._quiet = given, quiet
        self._devices: list[Device] = []

    def search(self, call: Call, url: str | None) -> Searched:
        """Let workers bring a study to its end.

        Raises:
            KeyboardInterrupt: the user has interrupted it; the trials are handed back.
            ConfigError: the call or its study can't be used, the function can't be handed to
                other processes, or the first trials all failed.
            RuntimeError: a worker has failed; the message is the end of its log.
            SystemExit: this process was told to end, or somebody stopped the study.
        """
        file = calls.study_file(call, alone.started(), {})
        launch_checks.check_local(file)
        self._devices = places.devices(file, self._given, call.study)
        with handed_call.offered(call):
            return super().search(call, url)

    def _work(self, db: Database, study: Study, call: Call) -> None:
        url = db.url.render_as_string(hide_password=False)
        view = outcomes.Telling(live.view(out, study.name, quiet=self._quiet))
        code = lifecycle.run_workers(db, study, url, self._devices, quiet=self._quiet, view=view)
        state = status.status(db, study)
        if code == outcomes.INTERRUPTED and not state.spent:
            say(f"{study.name}: the trials are handed back; {alone.how_to_go_on()} to go on")
        if state.stopping:
            say("somebody stopped the study; its workers have saved their trials")
        outcomes.judge(db, study, url, code, view.complaints)
        if code and not state.spent:  # the program must not go on with a part of the trials
            raise SystemExit(code)
        if call.measure is not None and state.spent:
            run.prove(db, Searched(url, study), call)
