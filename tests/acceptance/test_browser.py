"""The dashboard as people see it: in Chromium, logged in, with nothing that the page refuses."""

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role
from studyhall.search.display import notes
from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.studies import studies, trash
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

CHROMIUM = shutil.which("chromium")
WAIT_MS = 60_000
LOGINS = {Role.VIEWER: ("vic", "watches only"), Role.ADMIN: ("ann", "may do it all")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("browser")
    for role, login in LOGINS.items():
        users.add(made / "users", login[0], role, login[1])
    (made / "files").mkdir()
    return made


@pytest.fixture(scope="module")
def db(folder: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{folder}/studyhall.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def study(db: Database, folder: Path) -> Study:
    """Three trials with notes and curves."""
    record = {"artifacts": str(folder / "files")}
    made, _ = studies.create(db, "digits", config=record, seed=0, trials=3)
    store = plain_store(db, made, Worker("one", "here", 1, "cpu"))
    for _ in range(3):
        run_trial(store, made.study_id)
    store.close()
    return made


def run_trial(store: TrialStore, study_id: int) -> None:
    claim: Any = store.claim()
    dropout = claim.trial.suggest_float("dropout", 0.0, 0.5)
    for epoch in range(1, 6):
        numbers = {"loss": 1 / epoch, "val_loss": 1.1 / epoch}
        store.report(claim, epoch, 1.1 / epoch, numbers)
    trial_id = claim.lease.trial_id
    note = notes.trial_note(
        study_id,
        trial_id,
        claim.number,
        state="COMPLETE",
        history=claim.history,
        params={"dropout": dropout},
    )
    store.tell(
        claim,
        "COMPLETE",
        1.1 / 5,
        system_attributes=notes.trial_artifacts(trial_id),
        study_system_attributes=note,
    )


@pytest.fixture(scope="module")
def dashboard(folder: Path, study: Study, dashboards: Callable[..., Any]) -> Any:
    return dashboards(f"sqlite:///{folder}/studyhall.db", "--users", str(folder / "users"))


@pytest.fixture
def page(browser: Any, dashboard: Any) -> Iterator[Callable[[Role], Any]]:
    """Opens pages with somebody's login; fails if a page complains."""
    contexts, complaints = [], []

    def open_as(role: Role) -> Any:
        name, password = LOGINS[role]
        login = {"username": name, "password": password}
        contexts.append(browser.new_context(http_credentials=login, base_url=dashboard.url))
        opened = contexts[-1].new_page()
        opened.set_default_timeout(WAIT_MS)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "console",
            lambda said: complaints.append(said.text) if "Security Policy" in said.text else None,
        )
        return opened

    yield open_as
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_viewer_sees_a_study_and_a_trials_note_with_its_curve(page: Any, study: Study) -> None:
    seen = page(Role.VIEWER)
    seen.goto("/dashboard")
    seen.get_by_text("digits").first.click()
    seen.get_by_text("Best Trial").first.wait_for()
    seen.goto(f"/dashboard/studies/{study.study_id}/trials?numbers=1")
    seen.get_by_text("validation loss 0.22 at epoch 5").first.wait_for()
    curve = seen.locator("img[alt='learning curve']").first
    curve.wait_for()
    seen.wait_for_function("image => image.naturalWidth === 1080", arg=curve.element_handle())


def test_what_a_viewer_writes_is_refused_and_said(page: Any, study: Study, db: Database) -> None:
    seen = page(Role.VIEWER)
    seen.goto("/dashboard")
    delete_in_the_list(seen)
    seen.get_by_text("Failed to delete study").first.wait_for()
    seen.get_by_text("digits").first.wait_for()
    assert trash.contents(db) == []


def test_an_admin_deletes_into_the_trash(page: Any, study: Study, db: Database) -> None:
    seen = page(Role.ADMIN)
    seen.goto("/dashboard")
    delete_in_the_list(seen)
    seen.get_by_text("Success to delete a study").first.wait_for()
    seen.get_by_text("digits").first.wait_for(state="detached")
    (deleted,) = trash.contents(db)
    trash.restore(db, deleted)
    seen.goto("/dashboard")
    seen.get_by_text("digits").first.wait_for()


def delete_in_the_list(seen: Any) -> None:
    seen.get_by_text("digits").first.wait_for()
    seen.get_by_role("button", name="delete study").first.click()
    seen.get_by_role("button", name="Yes").click()


def test_html_that_somebody_attaches_runs_nothing(page: Any, study: Study, dashboard: Any) -> None:
    login = ":".join(LOGINS[Role.ADMIN])
    script = b"<p>attached</p><script>document.title = 'it ran'</script>"
    said = {"file": f"data:text/html;base64,{base64.b64encode(script).decode()}"}
    path = f"/api/artifacts/{study.study_id}"
    answer = dashboard.ask("POST", path, {**said, "filename": "page.html"}, login=login)
    seen = page(Role.VIEWER)
    seen.goto("/dashboard")
    address = f"artifacts/{study.study_id}/{answer.json['artifact_id']}"
    with seen.expect_download() as found:
        seen.evaluate(f"location.href = '/{address}'")
    assert found.value.path().read_bytes() == script
    for path in (address.replace("artifacts", "artifacts%ff"), address.replace("/", "//", 1)):
        refused = seen.goto(f"/{path}")
        assert refused.status == 400 and "attached" not in seen.content()
