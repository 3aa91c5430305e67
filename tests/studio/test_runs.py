"""The list of runs, newest first, and who may start one."""

from db.store import Store
from tests.studio import run_dirs
from tests.studio.opening import Open, texts


def test_an_empty_list_says_what_to_do_first(open_runs: Open) -> None:
    assert "No run has been started yet" in texts(open_runs())


def test_the_list_tells_what_where_who_and_why_newest_first(open_runs: Open, store: Store) -> None:
    first = run_dirs.scored(store)
    second = run_dirs.end(
        run_dirs.lay_out(store, "grpo", reason="<b>Does *it* help?</b>"), "cancelled", done=3, total=4
    )
    at = open_runs()
    opened = [button.key for button in at.button if str(button.key).startswith("open_")]
    assert opened == [f"open_{second.run_id}", f"open_{first.run_id}"]
    told = texts(at)
    for words in ("Cancelled", "Done", "kardia-empathy, version 1", "Ravi Desai", "&lt;b&gt;Does *it* help?&lt;/b&gt;"):
        assert words in told


def test_filters_narrow_the_list(open_runs: Open, store: Store) -> None:
    scored = run_dirs.scored(store)
    run_dirs.end(run_dirs.lay_out(store, "grpo"), "failed", message="no")
    at = open_runs()
    at.get_by_key("filter_state").set_value(["done"]).run()
    assert [b.key for b in at.button if str(b.key).startswith("open_")] == [f"open_{scored.run_id}"]
    at.multiselect(key="filter_stage").set_value(["sft"]).run()
    assert "No run matches" in texts(at)


def test_only_who_may_start_a_run_sees_the_button_and_others_are_told_who_can(open_runs: Open) -> None:
    at = open_runs("paul")
    assert "start_run" not in [button.key for button in at.button]
    assert "Ravi Desai" in texts(at)
    assert "submit_run" not in [button.key for button in open_runs("paul", start="score").button]


def test_a_run_whose_process_is_gone_does_not_seem_to_run_for_ever(open_runs: Open, store: Store) -> None:
    run = run_dirs.running(store)
    run.update_status(pid=2**22 + 1, pid_started=1.0)
    open_runs()
    assert run.status().state == "failed"
