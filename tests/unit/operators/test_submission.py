# SPDX-License-Identifier: Apache-2.0
"""The way of one task try to its one job, against canned answers; over HTTP: tests/airflow/test_once.py."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from airflow_provider_azureml.compat import AirflowException, AirflowFailException, TaskDeferred
from airflow_provider_azureml.errors import (
    AzureMLError,
    ConfigurationError,
    JobFailedError,
    ServiceError,
    UnreachableError,
)
from airflow_provider_azureml.links import STUDIO_URL
from airflow_provider_azureml.naming import DETACHED, OWNER
from airflow_provider_azureml.operators.attempt import EPOCH, TRY, Claim
from airflow_provider_azureml.operators.job import AzureMLRunJobOperator
from airflow_provider_azureml.operators.submission import settled_number
from airflow_provider_azureml.rest.flow import Request
from airflow_provider_azureml.rest.intent import CANCEL_TAG, HOLDER_TAG
from airflow_provider_azureml.triggers.job import ENDED, TIMEOUT
from tests.unit.canned import DENIED, UNKNOWN_JOB, CannedHook, arm_job, states

JOB = {"type": "command", "command": "true", "environment": "azureml:e:1"}
BATCH = "/batchrundata"
TAKEN = (400, {"error": {"code": "UserError", "message": "A job with this name already exists."}})


@pytest.fixture(autouse=True)
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZUREML__DEPLOYMENT_ID", "unit")


class Store(dict[str, Any]):
    """Airflow's task state store, without its supervisor."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class World:
    """One task instance, and an Azure that remembers its jobs."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pushed: dict[str, Any] = {}
        self.store = Store()
        self.batch_tells_all = True
        self.jobs_made_at = "2026-01-01T00:00:00Z"
        self.hook = CannedHook()
        self.hook.on("PUT", r"/jobs/[^/]+", self.put).on("GET", r"/jobs/[^/]+", self.get)
        self.hook.on("POST", BATCH, self.batch).on("GET", "/runs/get", {}).on(
            "PATCH", r"/runs/[^/]+", self.tag
        )
        self.hook.on("POST", "/cancel", self.cancel)

    def context(self, number: int = 1, epoch: int = 0, map_index: int = -1) -> dict[str, Any]:
        place = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": map_index}
        began = datetime(2026, 1, 2, tzinfo=timezone.utc)

        def push(key: str, value: Any) -> None:
            self.pushed[key] = value

        ti = SimpleNamespace(**place, try_number=number, max_tries=epoch, start_date=began, xcom_push=push)
        return {"ti": ti, "task_state_store": self.store}

    def task(self, job: Any = JOB, **options: Any) -> AzureMLRunJobOperator:
        given = {"poll_interval": 0.01, "stream_logs": False, "wait_for_completion": False, **options}
        made = AzureMLRunJobOperator(task_id="t", job=job, **given)
        made.hook = self.hook  # type: ignore[assignment]
        return made

    def name(self, number: int) -> str:
        return Claim.of(self.context()).name(number)

    def exists(self, number: int, status: str, try_number: int = 1, epoch: int = 0, **marks: str) -> None:
        """An earlier attempt of this task."""
        claim = Claim.of(self.context(try_number, epoch))
        owned = {**claim.marks, **claim.fence, **marks}
        self.jobs[self.name(number)] = arm_job(self.name(number), status, properties=owned)

    def put(self, request: Request) -> Any:
        name = request.url.split("?")[0].rsplit("/", 1)[1]
        if name in self.jobs:
            return TAKEN
        body = request.json["properties"]  # type: ignore[index]
        services = {"Studio": {"endpoint": f"https://ml.azure.com/runs/{name}"}}
        self.jobs[name] = arm_job(name, "NotStarted", **{**body, "services": services})
        self.jobs[name]["systemData"]["createdAt"] = self.jobs_made_at
        return 201, self.jobs[name]

    def get(self, request: Request) -> Any:
        return self.jobs.get(request.url.split("?")[0].rsplit("/", 1)[1], UNKNOWN_JOB)

    def tag(self, request: Request) -> Any:
        name = request.url.split("?")[0].rsplit("/", 1)[1]
        tags = self.jobs[name]["properties"].setdefault("tags", {})
        tags.update(request.json["tags"])  # type: ignore[index]
        return {}

    def cancel(self, request: Request) -> Any:
        self.jobs[request.url.split("?")[0].split("/")[-2]]["properties"]["status"] = "Canceled"
        return 202, {}

    def batch(self, request: Request) -> Any:
        answer = states({name: job["properties"]["status"] for name, job in self.jobs.items()})(request)
        for name, found in answer["successfulResults"].items() if self.batch_tells_all else ():
            marks = {key: self.jobs[name]["properties"].get(key, {}) for key in ("properties", "tags")}
            found["runMetadata"].update(marks, createdUtc=self.jobs[name]["systemData"]["createdAt"])
        return answer

    def complete(self) -> None:
        """Time passes: every job has ended."""
        for job in self.jobs.values():
            job["properties"]["status"] = "Completed"

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of all PUTs of jobs."""
        return [request.json["properties"] for request in self.hook.asked("PUT", r"/jobs/[^/]+")]  # type: ignore[index]


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_try_submits_without_looking_first(world: World) -> None:
    result = world.task().perform(world.context())
    assert result["name"] == world.name(0)
    assert [request.method for request in world.hook.requests] == ["PUT"]
    assert world.pushed[STUDIO_URL] == f"https://ml.azure.com/runs/{world.name(0)}"


def test_the_body_carries_owner_and_fence_and_the_dag_as_its_experiment(world: World) -> None:
    world.task().perform(world.context(epoch=3))
    (body,) = world.sent()
    assert body["experimentName"] == "d"
    assert body["properties"][OWNER] == world.name(0).removesuffix("-0")
    assert (body["properties"][TRY], body["properties"][EPOCH]) == ("1", "3")
    assert body["environmentVariables"]["AIRFLOW_TRY"] == "1"
    assert body["environmentVariables"]["AIRFLOW_EPOCH"] == "3"


def test_a_dag_id_that_is_no_experiment_name_becomes_one(world: World) -> None:
    context = world.context()
    context["ti"].dag_id = "team.nightly"
    world.task().perform(context)
    (body,) = world.sent()
    assert (body["experimentName"], body["properties"]["airflow.dag_id"]) == ("team-nightly", "team.nightly")


def test_an_experiment_that_the_definition_names_is_kept(world: World) -> None:
    world.task({**JOB, "experiment_name": "mine"}).perform(world.context())
    assert world.sent()[0]["experimentName"] == "mine"


def test_a_kind_without_a_field_that_no_put_can_change_is_looked_for_first(world: World) -> None:
    world.task({"properties": {"jobType": "Sweep"}}).perform(world.context())
    assert [request.method for request in world.hook.requests] == ["POST", "PUT"]


def test_a_second_try_looks_before_it_submits_and_one_look_is_enough(world: World) -> None:
    world.exists(0, "Failed")
    assert world.task().perform(world.context(2))["name"] == world.name(1)
    assert [request.method for request in world.hook.requests] == ["POST", "PUT"]


def test_a_run_history_that_tells_no_marks_is_not_taken_at_its_word(world: World) -> None:
    world.exists(0, "Failed")
    world.batch_tells_all = False
    assert world.task().perform(world.context(2))["name"] == world.name(1)
    assert [request.method for request in world.hook.requests] == ["POST", "GET", "PUT"]


def test_a_strangers_failed_job_of_our_name_stops_the_task(world: World) -> None:
    world.exists(0, "Failed", **{OWNER: "stranger"})
    with pytest.raises(ConfigurationError, match="did not submit it"):
        world.task().perform(world.context(2))
    assert world.sent() == []


def test_a_second_try_watches_the_living_job_on(world: World) -> None:
    world.exists(0, "Running")
    task = world.task()
    assert task.perform(world.context(2))["status"] == "Running"
    assert world.sent() == []
    assert task.owned_job == (world.name(0), world.name(0).removesuffix("-0"))


def test_a_try_that_watches_an_earlier_trys_job_on_says_so_on_it_and_looks_again(world: World) -> None:
    """So that neither the earlier try, nor its trigger, cancels it."""
    world.exists(0, "Running")
    world.task().perform(world.context(2))
    assert world.jobs[world.name(0)]["properties"]["tags"] == {HOLDER_TAG: "2"}
    order = [request.method for request in world.hook.requests]
    assert order == ["POST", "GET", "PATCH", "POST", "GET"]


def test_a_job_that_cannot_be_marked_is_watched_all_the_same(world: World) -> None:
    world.exists(0, "Running")
    world.hook.on("PATCH", r"/runs/[^/]+", DENIED)
    with capture_logs() as said:
        assert world.task().perform(world.context(2))["name"] == world.name(0)
    assert any("could not be marked" in line["event"] for line in said if line["log_level"] == "warning")


def test_a_living_job_of_another_definition_is_watched_with_a_warning_and_not_cancelled(world: World) -> None:
    world.exists(0, "Running", **{"airflow.fingerprint": "another"})
    with capture_logs() as said:
        assert world.task().perform(world.context(2))["name"] == world.name(0)
    assert any("it runs on with the old one" in line["event"] for line in said)
    assert world.hook.asked("POST", "/cancel") == []


def test_people_see_the_job_in_the_task_state_store(world: World) -> None:
    world.task().perform(world.context())
    url = f"https://ml.azure.com/runs/{world.name(0)}"
    assert world.store == {"azureml_job": {"name": world.name(0), "attempt": 0, "studio_url": url}}


def test_the_name_in_the_store_decides_nothing(world: World) -> None:
    world.exists(0, "Failed")
    world.store["azureml_job"] = {"name": world.name(7), "attempt": 7, "studio_url": ""}
    assert world.task().perform(world.context(2))["name"] == world.name(1)


def test_an_airflow_without_a_store_takes_the_same_way(world: World) -> None:
    world.exists(0, "Running")
    context = world.context(2)
    del context["task_state_store"]
    assert world.task().perform(context)["name"] == world.name(0)


def test_a_cancel_that_an_earlier_try_could_not_send_is_sent_now(world: World) -> None:
    world.exists(0, "Running")
    world.store["azureml_cancel"] = {"name": world.name(0), "reason": "killed", "at": "2026-01-02"}
    assert world.task().perform(world.context(2))["name"] == world.name(1)
    assert len(world.hook.asked("POST", "/cancel")) == 1
    assert world.jobs[world.name(0)]["properties"]["status"] == "Canceled"


def test_a_wish_to_cancel_a_job_that_was_never_made_ends_with_the_submit_of_its_name(world: World) -> None:
    task = world.task()
    first = Claim.of(world.context()).name(0)
    world.store["azureml_cancel"] = {"name": first, "reason": "killed", "at": "2026-01-01T00:00:00+00:00"}
    assert task.execute(world.context(2))["name"] == first
    assert world.task().execute(world.context(3))["name"] == first
    assert world.hook.asked("POST", "/cancel") == []


def test_a_job_whose_cancel_left_its_trace_in_the_store_only_is_followed_by_the_next(world: World) -> None:
    world.exists(0, "Canceled")
    world.store["azureml_cancel"] = {"name": world.name(0), "reason": "killed", "at": "2026-01-02"}
    assert world.task().perform(world.context(2))["name"] == world.name(1)


def test_a_job_that_is_marked_for_its_end_and_goes_on_is_asked_again(world: World) -> None:
    world.exists(0, "Running")
    world.jobs[world.name(0)]["properties"]["tags"] = {CANCEL_TAG: "deadline"}
    assert world.task().perform(world.context(2))["name"] == world.name(1)
    assert world.jobs[world.name(0)]["properties"]["tags"] == {CANCEL_TAG: "deadline"}
    assert len(world.hook.asked("POST", "/cancel")) == 1


def test_a_job_that_is_being_cancelled_is_not_asked_again(world: World) -> None:
    world.exists(0, "CancelRequested")
    with pytest.raises(TaskDeferred):
        world.task(deferrable=True).perform(world.context(2))
    assert world.hook.asked("POST", "/cancel") == []


def test_a_put_whose_answer_was_lost_leaves_a_job_that_the_next_try_finds(world: World) -> None:
    def lost(request: Request) -> Any:
        world.put(request)
        raise UnreachableError(0, "NoAnswer", "nobody answered")

    world.hook.on("PUT", r"/jobs/[^/]+", lost)
    task = world.task()
    with pytest.raises(UnreachableError):
        task.perform(world.context())
    assert task.owned_job == (world.name(0), world.name(0).removesuffix("-0"))  # for `on_kill`
    assert world.task().perform(world.context(2))["name"] == world.name(0)
    assert len(world.jobs) == 1


def test_a_put_that_was_repeated_and_then_refused_finds_its_own_job(world: World) -> None:
    """The body of a pipeline comes back changed: Azure may refuse the very same PUT (wire.md 5)."""

    def stored_then_refused(request: Request) -> Any:
        world.put(request)
        return TAKEN

    world.hook.on("PUT", r"/jobs/[^/]+", stored_then_refused)
    world.jobs_made_at = "2026-01-02T00:00:05Z"  # after the try began
    assert world.task().perform(world.context())["name"] == world.name(0)
    assert len(world.jobs) == 1


def test_a_job_that_run_history_does_not_show_yet_is_looked_for_by_name(world: World) -> None:
    world.exists(0, "Running")
    world.hook.on("POST", BATCH, states({}))
    assert world.task().perform(world.context(2))["name"] == world.name(0)
    assert len(world.sent()) == 1


@pytest.mark.parametrize(
    "options, is_detached",
    [
        ({"wait_for_completion": True}, False),
        ({"wait_for_completion": False}, True),
        ({"wait_for_completion": True, "cancel_on_kill": False}, True),
    ],
)
def test_a_job_that_may_outlive_its_task_says_so(
    world: World, options: dict[str, Any], is_detached: bool
) -> None:
    with pytest.raises(TaskDeferred) if options["wait_for_completion"] else nullcontext():
        world.task(deferrable=True, **options).perform(world.context())
    assert world.sent()[0]["properties"].get(DETACHED) == ("true" if is_detached else None)


@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("map_index", [-1, 3])
def test_the_record_is_the_same_in_both_modes(world: World, deferrable: bool, map_index: int) -> None:
    outputs = {"model": {"uri": "azureml://m", "jobOutputType": "uri_folder"}}
    metrics = {"run": {"data": {"metrics": [{"key": "mae", "value": 0.5}]}}}
    world.hook.on("GET", "/runs/get", metrics)
    context = world.context(map_index=map_index)
    name = Claim.of(context).name(0)
    task = world.task(deferrable=deferrable, wait_for_completion=True)

    def finish() -> None:
        world.jobs[name]["properties"].update(status="Completed", outputs=outputs)

    if deferrable:
        with pytest.raises(TaskDeferred):
            task.execute(context)
        assert world.pushed[STUDIO_URL] == f"https://ml.azure.com/runs/{name}"  # before the wait
        finish()
        event = {"name": name, "owner": name[:-2], "reason": ENDED, "status": "Completed", "error": ""}
        result = world.task(deferrable=True).resume(context, event)
    else:
        world.hook.on("POST", BATCH, lambda request: (finish(), world.batch(request))[1])
        result = task.execute(context)
    assert result == {
        "name": name,
        "status": "Completed",
        "studio_url": f"https://ml.azure.com/runs/{name}",
        "outputs": {"model": "azureml://m"},
        "metrics": {"mae": 0.5},
    }


def test_a_job_that_another_try_cancelled_is_followed_by_the_next_attempt(world: World) -> None:
    """This try lives, and did not ask for that end."""
    world.exists(0, "Canceled")
    world.jobs[world.name(0)]["properties"]["tags"] = {CANCEL_TAG: "killed"}
    world.hook.on("GET", "/details", {})
    event = {"name": world.name(0), "reason": ENDED, "status": "Canceled", "error": ""}
    assert world.task().resume(world.context(2), event)["name"] == world.name(1)


@pytest.mark.parametrize(
    "tags", [{CANCEL_TAG: "older epoch"}, {CANCEL_TAG: "killed", "airflow.holder": "3"}], ids=str
)
def test_a_try_whose_job_a_newer_try_took_over_submits_nothing(world: World, tags: dict[str, str]) -> None:
    """It was given up while it stood still, and has not been told yet."""
    world.exists(0, "Canceled")
    world.jobs[world.name(0)]["properties"]["tags"] = tags
    world.hook.on("GET", "/details", {})
    event = {"name": world.name(0), "reason": ENDED, "status": "Canceled", "error": ""}
    with pytest.raises(AirflowException, match="A newer try of this task has taken its job over"):
        world.task().resume(world.context(2), event)
    assert world.sent() == []


def test_a_cancel_that_failed_at_the_deadline_is_left_to_the_next_try(world: World) -> None:
    world.exists(0, "Running")
    event = {"name": world.name(0), "reason": TIMEOUT, "status": "Running", "error": "503"}
    with pytest.raises(JobFailedError, match="cancelling failed: 503"):
        world.task().resume(world.context(), event)
    assert (world.store["azureml_cancel"]["name"], world.store["azureml_cancel"]["reason"]) == (
        world.name(0),
        "deadline",
    )


def test_a_job_that_a_person_cancelled_is_the_end(world: World) -> None:
    world.exists(0, "Canceled")
    world.hook.on("GET", "/details", {})
    event = {"name": world.name(0), "reason": ENDED, "status": "Canceled", "error": ""}
    with pytest.raises(AirflowFailException, match="outside of Airflow"):
        world.task().resume(world.context(2), event)
    assert world.sent() == []


def test_a_job_that_was_deleted_is_not_submitted_anew_under_its_name(world: World) -> None:
    world.hook.on("POST", BATCH, states({world.name(0): "Completed"}))
    assert world.task().perform(world.context(2))["name"] == world.name(1)


def test_a_completed_job_of_another_definition_is_taken_over_with_a_warning(world: World) -> None:
    world.exists(0, "Completed", **{"airflow.fingerprint": "another"})
    with capture_logs() as said:
        assert world.task().perform(world.context(2))["status"] == "Completed"
    assert any("Clear the task" in line["event"] for line in said if line["log_level"] == "warning")


def test_a_first_try_whose_name_is_taken_looks_and_decides_again(world: World) -> None:
    world.exists(0, "Completed", epoch=-1, try_number=0)
    assert world.task().perform(world.context())["name"] == world.name(1)


def test_a_body_that_azure_refuses_is_an_error_and_not_looked_for(world: World) -> None:
    world.hook.on("PUT", r"/jobs/[^/]+", (400, {"error": {"code": "UserError", "message": "bad command"}}))
    with pytest.raises(ServiceError, match="bad command"):
        world.task().perform(world.context())
    assert world.hook.asked("POST", BATCH) == []


def test_a_refused_submitter_is_told_at_once(world: World) -> None:
    world.hook.on("PUT", r"/jobs/[^/]+", DENIED)
    with pytest.raises(ServiceError, match="AuthorizationFailed"):
        world.task().perform(world.context())
    assert len(world.hook.requests) == 1


def test_a_job_of_our_name_that_is_somebody_elses_stops_the_task(world: World) -> None:
    world.exists(0, "Running", **{OWNER: "stranger"})
    with pytest.raises(ConfigurationError, match="did not submit it"):
        world.task().perform(world.context())


def test_a_zombie_touches_nothing(world: World) -> None:
    world.exists(0, "Running", try_number=3)
    world.jobs[world.name(0)]["systemData"]["createdAt"] = "2026-01-03T00:00:00Z"
    with pytest.raises(AzureMLError, match="newer try"):
        world.task().perform(world.context(2))
    assert world.sent() == []
    assert world.hook.asked("POST", "/cancel") == []


def test_a_cleared_task_cancels_the_old_job_and_waits_for_its_end_in_the_triggerer(world: World) -> None:
    world.exists(0, "Running")
    world.hook.on("POST", "/cancel", (202, {})).on("PATCH", r"/runs/[^/]+", {})
    with pytest.raises(TaskDeferred) as caught:
        world.task(deferrable=True).perform(world.context(2, epoch=1))
    trigger = caught.value.trigger
    assert (trigger.job_name, trigger.owner, caught.value.method_name) == (
        world.name(0),
        "",
        "resume_settled",
    )
    assert len(world.hook.asked("POST", "/cancel")) == 1
    assert world.sent() == []


def test_once_the_old_job_has_ended_the_next_is_submitted(world: World) -> None:
    world.exists(0, "Canceled")
    event = {"name": world.name(0), "reason": ENDED, "status": "Canceled", "error": ""}
    assert world.task().resume_settled(world.context(2, epoch=1), event)["name"] == world.name(1)


def test_an_old_job_that_cannot_be_cancelled_stops_the_task(world: World) -> None:
    world.exists(0, "Running")
    world.hook.on("POST", "/cancel", DENIED)
    with pytest.raises(JobFailedError, match="could not be cancelled: 403"):
        world.task().perform(world.context(2, epoch=1))
    assert world.sent() == []


def test_a_deferrable_task_hands_its_job_and_its_deadline_to_the_triggerer(world: World) -> None:
    with pytest.raises(TaskDeferred) as caught:
        world.task(deferrable=True, wait_for_completion=True, timeout=60).perform(world.context())
    arguments = caught.value.trigger.arguments()
    assert arguments["job_name"] == world.name(0)
    assert arguments["owner"] == world.name(0).removesuffix("-0")
    assert arguments["deadline"] == datetime(2026, 1, 2, tzinfo=timezone.utc).timestamp() + 60


def test_a_task_that_was_killed_before_the_put_puts_nothing(world: World) -> None:
    task = world.task()
    task.was_killed = True
    with pytest.raises(AzureMLError, match="ended from outside"):
        task.perform(world.context())
    assert world.sent() == []


class Killing(CannedHook):
    """SIGTERM arrives during the n-th request; Airflow's handler calls `on_kill`, and returns."""

    def __init__(self, world: World, task: AzureMLRunJobOperator, moment: int) -> None:
        super().__init__()
        self.workspace, self._rules, self.requests = world.hook.workspace, world.hook._rules, []
        self.task, self.moment = task, moment

    def _answer(self, request: Request) -> Any:
        answer = super()._answer(request)
        if len(self.requests) == self.moment:
            self.task.on_kill()
        return answer


def never_killed(world: World, task: AzureMLRunJobOperator, work: Any) -> int:
    """How many requests the same work makes when it is left alone."""
    task.hook = Killing(world, task, 0)  # type: ignore[assignment]
    work(task)
    return len(task.hook.requests)  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["submit", "no wait", "watch on", "take over", "resume", "settled"])
def test_a_task_that_is_killed_at_any_request_of_any_way_never_ends_green(way: str) -> None:
    def scene() -> tuple[World, AzureMLRunJobOperator, Any]:
        world = World()
        left = {"submit": "", "no wait": "", "watch on": "Running", "settled": "Canceled"}.get(
            way, "Completed"
        )
        if left:
            world.exists(0, left)
        event = {"name": world.name(0), "reason": ENDED, "status": left, "error": ""}
        task = world.task(wait_for_completion=way in ("submit", "watch on"), cancel_on_kill=False)
        world.hook.on("POST", BATCH, world.batch, lambda request: world.complete() or world.batch(request))
        number = 1 if left == "" else 2
        work = {
            "resume": lambda task: task.resume(world.context(2), event),
            "settled": lambda task: task.resume_settled(world.context(2, epoch=1), event),
        }
        return world, task, work.get(way, lambda task: task.execute(world.context(number)))

    requests = never_killed(*scene())
    assert requests >= 1
    for moment in range(1, requests + 1):
        world, task, work = scene()
        task.hook = Killing(world, task, moment)  # type: ignore[assignment]
        with pytest.raises(AirflowException, match="ended from outside"):
            work(task)


def test_environment_and_code_are_in_the_workspace_before_the_job_is(world: World, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print()")
    hook = world.hook.on("PUT", r"/environments/.*", {"id": "environment-id"})
    hook.on("GET", r"/codes/[^/]+/versions", {"value": [{"id": "code-id"}]})
    world.task({**JOB, "code": str(tmp_path), "environment": {"image": "i"}}).perform(world.context())
    (body,) = world.sent()
    assert (body["codeId"], body["environmentId"]) == ("code-id", "environment-id")
    assert "/jobs/" in hook.requests[-1].url


def test_the_number_of_a_settled_attempt_is_read_from_its_name() -> None:
    assert settled_number({"name": "d-t-0a1b-12", "reason": ENDED, "status": "Failed"}) == 12


def test_an_attempt_that_did_not_end_in_time_is_not_settled() -> None:
    with pytest.raises(JobFailedError, match="no second job is started"):
        settled_number({"name": "b-1", "reason": TIMEOUT, "status": "CancelRequested"})
