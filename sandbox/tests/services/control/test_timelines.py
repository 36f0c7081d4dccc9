# SPDX-License-Identifier: Apache-2.0
"""Jobs with a scripted life: their states, cancels, logs, steps, and the ledger of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azure_sandbox.testing import serving
from sandbox.tests.services.control.conftest import SEED, Cloud

USUAL = ((0, "Queued"), (3, "Running"), (10, "Completed"))


def rows(cloud: Any, name: str) -> list[dict[str, Any]]:
    return [row for row in cloud.ledger(kind="job") if row["subject"].endswith(f"/jobs/{name}")]


def test_a_job_follows_its_timeline_by_the_clouds_clock(frozen: Any) -> None:
    frozen.timeline({"name": "^follows$"}, *USUAL)
    answer = frozen.submit("follows")
    assert (answer.status_code, answer.json()["properties"]["status"]) == (201, "Queued")
    seen = []
    for _ in range(4):
        seen.append(frozen.status("follows"))
        frozen.clock(advance=3)
    assert seen == ["Queued", "Running", "Running", "Running"]
    assert frozen.status("follows") == "Completed"


def test_the_ledger_tells_when_each_transition_was_due_not_when_it_was_seen(frozen: Any) -> None:
    frozen.timeline({"name": "^due$"}, *USUAL)
    frozen.submit("due")
    frozen.clock(advance=86_400)
    created, started, ended = rows(frozen, "due")
    assert [row["effect"] for row in (created, started, ended)] == ["created", "started", "ended"]
    assert started["time"] - created["time"] == pytest.approx(3)
    assert ended["time"] - created["time"] == pytest.approx(10)
    assert (ended["object_id"], ended["before"], ended["after"]) == (
        "",
        {"status": "Running"},
        {"status": "Completed"},
    )


def test_transitions_of_several_jobs_stand_in_the_ledger_in_the_order_of_their_moments(frozen: Any) -> None:
    frozen.timeline({"name": "^slow-"}, (0, "Running"), (9, "Completed"))
    frozen.timeline({"name": "^quick-"}, (0, "Running"), (2, "Completed"))
    for name in ("slow-1", "quick-1", "slow-2", "quick-2"):
        frozen.submit(name)
        frozen.clock(advance=1)
    frozen.clock(advance=60)
    ended = [
        row["subject"].rpartition("/")[2] for row in frozen.ledger(kind="job") if row["effect"] == "ended"
    ]
    wanted = [name for name in ended if name.startswith(("slow-", "quick-"))]
    assert wanted == ["quick-1", "quick-2", "slow-1", "slow-2"]


def test_run_history_and_the_batch_answer_tell_the_same_as_arm(frozen: Any) -> None:
    frozen.timeline({"name": "^batch-"}, *USUAL)
    for number in range(3):
        frozen.submit(f"batch-{number}")
        frozen.clock(advance=5)
    url = f"https://eastus.api.azureml.ms/history/v1.0{frozen.workspace}/batchrundata"
    asked = {"requests": {str(number): {"runId": f"batch-{number}"} for number in range(3)}}
    answer = frozen.sandbox.http.post(url, headers=frozen.sandbox.bearer("admin"), json=asked).json()
    found = answer["successfulResults"]
    assert [found[str(n)]["runMetadata"]["status"] for n in range(3)] == ["Completed", "Completed", "Running"]
    assert [frozen.status(f"batch-{n}") for n in range(3)] == ["Completed", "Completed", "Running"]
    assert found["0"]["runMetadata"]["endTimeUtc"] > found["0"]["runMetadata"]["startTimeUtc"]


def test_any_word_may_be_a_state_and_a_job_may_flap(frozen: Any) -> None:
    frozen.timeline({"name": "^flaps$"}, (0, "Running"), (1, "NotResponding"), (2, "Running"), (3, "Zzz"))
    frozen.submit("flaps")
    seen = []
    for _ in range(4):
        seen.append(frozen.status("flaps"))
        frozen.clock(advance=1)
    assert seen == ["Running", "NotResponding", "Running", "Zzz"]
    assert [row["effect"] for row in rows(frozen, "flaps")] == ["created", "started"]


def test_a_job_that_is_gone_is_a_404_and_its_name_is_free(frozen: Any) -> None:
    frozen.timeline({"name": "^gone$", "count": 1}, (0, "Running"), (1, "Completed"), (2, None))
    frozen.submit("gone")
    frozen.clock(advance=2)
    assert frozen.arm("GET", "./jobs/gone").status_code == 404
    assert [row["effect"] for row in rows(frozen, "gone")] == ["created", "started", "ended", "deleted"]
    frozen.timeline({"name": "^gone$"}, (0, "Queued"))
    assert frozen.submit("gone").status_code == 201


def test_a_cancel_does_what_the_timeline_says_once(frozen: Any) -> None:
    reaction = [frozen.state(0, "CancelRequested"), frozen.state(5, "Canceled")]
    frozen.timeline({"name": "^stops$"}, (0, "Running"), (9, "Completed"), on_cancel=reaction)
    frozen.submit("stops")
    for _ in range(2):
        assert frozen.arm("POST", "./jobs/stops/cancel").status_code == 202
        assert frozen.status("stops") == "CancelRequested"
        frozen.clock(advance=2)
    frozen.clock(advance=1)
    assert frozen.status("stops") == "Canceled"
    _, _, asked, ended = rows(frozen, "stops")
    assert (asked["effect"], asked["object_id"]) == ("cancel-requested", frozen.object_id("admin"))
    assert (ended["before"], ended["after"]) == ({"status": "CancelRequested"}, {"status": "Canceled"})
    assert ended["time"] - asked["time"] == pytest.approx(5)


def test_a_cancel_may_be_ignored_and_may_come_too_late(frozen: Any) -> None:
    frozen.timeline({"name": "^deaf$"}, (0, "Running"), (5, "Completed"), on_cancel=[])
    frozen.submit("deaf")
    assert frozen.arm("POST", "./jobs/deaf/cancel").status_code == 202
    assert frozen.status("deaf") == "Running"
    frozen.clock(advance=5)
    assert frozen.status("deaf") == "Completed"
    assert frozen.arm("POST", "./jobs/deaf/cancel").status_code == 200
    assert [row["effect"] for row in rows(frozen, "deaf")].count("cancel-requested") == 1


def test_a_cancel_may_stay_stuck_for_ever(frozen: Any) -> None:
    frozen.timeline({"name": "^stuck$"}, (0, "Running"), on_cancel=[frozen.state(0, "CancelRequested")])
    frozen.submit("stuck")
    operation = frozen.arm("POST", "./jobs/stuck/cancel").headers["location"]
    frozen.clock(advance=1e6)
    assert frozen.status("stuck") == "CancelRequested"
    answer = frozen.sandbox.http.get(operation, headers=frozen.sandbox.bearer("admin"))
    assert answer.status_code == 202


def test_a_failed_job_tells_the_error_of_its_timeline(frozen: Any) -> None:
    error = {"message": "Out of memory on node 3.", "code": "UserError", "inner": "OutOfMemory"}
    frozen.timeline({"name": "^fails$"}, (0, "Running"), (1, "Failed"), error=error)
    frozen.submit("fails")
    frozen.clock(advance=1)
    url = f"https://eastus.api.azureml.ms/history/v1.0{frozen.workspace}/runs/fails/details"
    told = frozen.sandbox.http.get(url, headers=frozen.sandbox.bearer("admin")).json()["error"]["error"]
    assert (told["code"], told["message"], told["innerError"]["code"]) == (
        "UserError",
        "Out of memory on node 3.",
        "OutOfMemory",
    )


def test_the_log_grows_at_its_moments_under_one_address(frozen: Any) -> None:
    lines = [{"after": 1, "text": "one"}, {"after": 2, "text": "zwei \u00fc"}, {"after": 60, "text": "late"}]
    frozen.timeline({"name": "^talks$"}, (0, "Running"), (9, "Completed"), log=lines)
    frozen.submit("talks")
    frozen.clock(advance=1)
    url = f"https://eastus.api.azureml.ms/history/v1.0{frozen.workspace}/runs/talks/details"
    details = frozen.sandbox.http.get(url, headers=frozen.sandbox.bearer("admin")).json()
    address = details["logFiles"]["user_logs/std_log.txt"]
    assert frozen.sandbox.http.get(address).text == "one\n"
    frozen.clock(advance=8)
    assert frozen.sandbox.http.get(address).text == "one\nzwei \u00fc\n"


def test_the_steps_of_a_pipeline_have_lives_of_their_own(frozen: Any) -> None:
    frozen.arm(
        "PUT",
        "./components/step/versions/1",
        {"properties": {"componentSpec": {"type": "command", "name": "step", "command": "true"}}},
    )
    component = f"{frozen.workspace}/components/step/versions/1"
    steps = {
        name: {"type": "command", "componentId": component, "identity": {"identityType": "Managed"}}
        for name in ("prep", "train")
    }
    children = {
        "prep": {"states": [frozen.state(0, "Running"), frozen.state(2, "Completed")]},
        "train": {
            "states": [frozen.state(0, "NotStarted"), frozen.state(2, "Running"), frozen.state(4, "Failed")],
            "error": {"message": "The disk is full."},
        },
    }
    frozen.timeline({"job_type": "Pipeline"}, (0, "Running"), (5, "Failed"), children=children)
    pipeline = {"jobType": "Pipeline", "jobs": steps, "identity": {"identityType": "Managed"}}
    answer = frozen.arm("PUT", "./jobs/pipe", {"properties": pipeline})
    assert answer.status_code == 201, answer.text
    url = f"https://eastus.api.azureml.ms/history/v1.0{frozen.workspace}/runs/pipe/children"

    def seen() -> dict[str, str]:
        found = frozen.sandbox.http.get(url, headers=frozen.sandbox.bearer("admin")).json()["value"]
        return {run["displayName"]: run["status"] for run in found}

    assert seen() == {"prep": "Running", "train": "NotStarted"}
    frozen.clock(advance=3)
    assert frozen.arm("POST", "./jobs/pipe/cancel").status_code == 202
    assert seen() == {"prep": "Completed", "train": "CancelRequested"}
    frozen.clock(advance=1)
    assert (seen()["train"], frozen.status("pipe")) == ("Canceled", "Canceled")


def test_jobs_that_no_timeline_wants_run(cloud: Any) -> None:
    cloud.timeline({"name": "^other$"}, (0, "Zzz"))
    cloud.timeline({"experiment": "^somewhere-else$"}, (0, "Zzz"))
    cloud.timeline({"job_type": "Spark"}, (0, "Zzz"))
    assert cloud.submit("runs", "exit 0").json()["properties"]["status"] != "Zzz"
    assert cloud.submit("elsewhere", experimentName="somewhere-else").json()["properties"]["status"] == "Zzz"


def test_timelines_are_shown_with_the_jobs_they_took_and_are_deleted(frozen: Any) -> None:
    frozen.timeline({"name": "^taken-", "count": 2}, (0, "Queued"))
    for number in range(2):
        frozen.submit(f"taken-{number}")
    (shown,) = frozen.sandbox.control("GET", "/timelines").json()["value"]
    assert (shown["taken"], shown["match"]["count"]) == (2, 2)
    assert frozen.sandbox.control("DELETE", "/timelines").status_code == 204
    assert frozen.sandbox.control("GET", "/timelines").json() == {"value": []}
    assert frozen.status("taken-0") == "Queued"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, "match"),
        ({"match": {}}, "states"),
        ({"match": {"nmae": "x"}, "states": []}, "nmae"),
        ({"match": {"name": "("}, "states": [{"after": 0, "status": "a"}]}, "match.name"),
        ({"match": {"count": 0}, "states": [{"after": 0, "status": "a"}]}, "match.count"),
        ({"match": {}, "states": [{"status": "Running"}]}, "states[0].after"),
        ({"match": {}, "states": [{"after": 0, "status": ""}]}, "states[0].status"),
        ({"match": {}, "states": [{"after": 0, "gone": False}]}, "states[0].gone"),
        (
            {"match": {}, "states": [{"after": 2, "status": "a"}, {"after": 1, "status": "b"}]},
            "states[1].after",
        ),
        (
            {"match": {}, "states": [{"after": 0, "status": "Failed"}, {"after": 1, "status": "b"}]},
            "states[1]",
        ),
        ({"match": {}, "states": [{"after": 0, "status": "a"}], "log": [{"after": 0}]}, "log[0].text"),
        ({"match": {}, "states": [{"after": 0, "status": "a"}], "error": {"text": "x"}}, "'text'"),
        ({"match": {}, "states": [{"after": 0, "status": "a"}], "children": {"x": {}}}, "children.x.states"),
        ({"match": {}, "states": [{"after": 0, "status": "a"}], "on_cancel": {}}, "on_cancel"),
    ],
)
def test_a_malformed_timeline_is_a_400_that_names_the_member(
    cloud: Any, wrong: dict[str, Any], named: str
) -> None:
    answer = cloud.sandbox.control("POST", "/timelines", json=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRule")
    assert named in answer.json()["error"]["message"]
    assert cloud.sandbox.control("GET", "/timelines").json() == {"value": []}


def test_a_timeline_goes_on_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path / "cloud", SEED) as sandbox:
        first = Cloud(sandbox)
        first.timeline({}, (0, "Queued"), (1000, "Running"), (2000, "Completed"))
        first.submit("survivor")
    with serving(tmp_path / "cloud", SEED) as sandbox:
        second = Cloud(sandbox)
        assert second.status("survivor") == "Queued"
        second.clock(advance=2000)
        assert second.status("survivor") == "Completed"
        assert second.effects("survivor") == ["created", "started", "ended"]
