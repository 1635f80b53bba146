"""The demo on a real engine. Building takes seconds, so the tests share what the engine and the data folder hold."""

import fcntl
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict, NotFound
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, CountRequest, DeleteRequest, SearchRequest
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, Scope, SearchService, VectorService
from vectorstore.service.catalogue import forget
from vectorstore.service.demo.marker import read_marker
from vectorstore.service.demo_service import EMBEDDING, NAME, DemoService, Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("on_lite")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


def use(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("VECTORSTORE_DATA_DIR", str(folder))
    patch.setenv("VECTORSTORE_DEMO", "true")
    current.cache_clear()
    forget(Scope())


@pytest.fixture
def on_lite(lite, bound, folder):
    use(folder, bound)


@pytest.fixture
def demo(on_lite) -> int:
    """The demo is complete; the number of its rows."""
    DemoService().load(quiet)
    return VectorService().count(NAME)


def quiet(step: str, done: int, total: int) -> None:
    """No progress."""


def ids(text: str) -> list[object]:
    return [hit.id for hit in SearchService().text(NAME, SearchRequest(text=text, top_k=10)).results]


def test_it_is_built_with_progress_and_answers_questions():
    steps: list[tuple[str, int, int]] = []
    assert DemoService().load(lambda *step: steps.append(step)) is Outcome.BUILT
    view = CollectionService().describe(NAME)
    assert view.embedding == EMBEDDING
    assert view.row_count == read_marker().rows > 4_000
    assert {"datetime.datetime.strptime", "email.utils.parsedate"} <= set(ids("parse a date from a string"))
    assert list(dict.fromkeys(step for step, _, _ in steps)) == [
        "reading docstrings",
        "fitting the model",
        "inserting rows",
    ]
    assert steps[-1] == ("inserting rows", view.row_count, view.row_count)
    assert len(steps) > 12


def test_what_is_complete_is_found_so(demo):
    before = read_marker()
    assert DemoService().load(quiet) is Outcome.COMPLETE
    assert read_marker() == before


def test_rows_that_a_user_adds_are_embedded_and_kept(demo):
    VectorService().insert(NAME, [{"id": "mine", "text": "brew a cup of coffee from parsed dates"} | EMPTY])
    assert DemoService().load(quiet) is Outcome.COMPLETE
    assert "mine" in ids("brew coffee from parsed dates")
    assert VectorService().delete(NAME, DeleteRequest(ids=["mine"])) == 1


EMPTY = {"name": "", "module": "", "kind": "", "signature": ""}


def test_a_lost_record_is_mended(demo):
    CollectionRecord.objects.all().delete()
    forget(Scope())
    assert CollectionService().describe(NAME).embedding is None
    assert DemoService().load(quiet) is Outcome.COMPLETE
    assert "math.sqrt" in ids("square root")


def test_an_edited_description_changes_nothing(demo):
    CollectionService().update(NAME, CollectionChanges(description="Edited"))
    assert DemoService().load(quiet) is Outcome.COMPLETE


def test_a_lost_model_is_no_reason_to_drop_a_users_rows(demo, folder):
    model = folder / "models" / f"{NAME}.npz"
    kept = model.read_bytes()
    VectorService().insert(NAME, [{"id": "mine", "text": "mine"} | EMPTY])
    model.unlink()
    with pytest.raises(Conflict, match="--force"):
        DemoService().load(quiet)
    assert VectorService().count(NAME) == demo + 1
    VectorService().delete(NAME, DeleteRequest(ids=["mine"]))
    model.write_bytes(kept)


def test_an_attempt_that_was_cut_off_is_repaired(demo):
    def cut_off(step: str, done: int, total: int) -> None:
        if step == "inserting rows" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DemoService().load(cut_off, force=True)
    assert 0 < VectorService().count(NAME) < demo
    assert not read_marker().complete
    assert DemoService().load(quiet) is Outcome.BUILT
    assert VectorService().count(NAME, CountRequest()) == demo


def test_a_lost_model_of_an_untouched_demo_is_made_anew(demo, folder):
    (folder / "models" / f"{NAME}.npz").write_bytes(b"")
    CollectionService().release(NAME)
    assert DemoService().load(quiet) is Outcome.BUILT
    assert "math.sqrt" in ids("square root")


def test_a_second_process_is_told_that_the_first_is_at_it(demo, folder):
    with (folder / "demo" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another process"):
            DemoService().load(quiet)


def test_the_command_says_that_it_is_complete_or_switched_off(demo, bound):
    assert run() == "python_docs is complete.\n"
    bound.setenv("VECTORSTORE_DEMO", "false")
    current.cache_clear()
    assert "VECTORSTORE_DEMO is off" in run()


def test_without_an_engine_the_command_fails_with_the_reason(bound):
    bound.setenv("MILVUS_PORT", "1")
    current.cache_clear()
    with pytest.raises(CommandError, match="Milvus"):
        run()


# From here on the demo is gone.


def test_a_users_collection_of_that_name_is_never_touched(demo):
    CollectionService().drop(NAME)
    CollectionService().create(CollectionSpec(name=NAME, dimension=4))
    VectorService().insert(NAME, [{"id": "a", "vector": [1, 0, 0, 0]}])
    for force in (False, True):
        assert DemoService().load(quiet, force=force) is Outcome.FOREIGN
    assert "left as it is" in run()
    with pytest.raises(CommandError, match="left as it is"):
        run("--force")
    assert VectorService().count(NAME) == 1
    CollectionService().drop(NAME)


def test_a_collection_without_a_mark_in_the_data_folder_is_not_ours(folder):
    (folder / "demo" / "python_docs.json").write_text("{broken")
    CollectionService().create(
        CollectionSpec(name=NAME, dimension=4, properties={"vectorstore.demo.build": "00000000"})
    )
    assert DemoService().load(quiet, force=True) is Outcome.FOREIGN
    CollectionService().drop(NAME)
    with pytest.raises(NotFound):
        CollectionService().describe(NAME)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("load_demo", *arguments, stdout=out)
    return out.getvalue()
