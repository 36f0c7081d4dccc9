# SPDX-License-Identifier: Apache-2.0
"""Twelve ways in which signing in fails, at each of twenty polls: every job is watched to its end.

Tokens are refused by their text, and the secret by its value, so that only a new sign-in with what the
connection holds by then can succeed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.reliability.watching import Line, effects, refusal, submit, watching
from tests.reliability.world.azure import CONNECTION, Answer, Azure, Life
from tests.reliability.world.failpoint import AnswerLostError
from tests.reliability.world.world import World, world

POLL, POLLS = 30.0, range(1, 21)
LOGIN = "login.microsoftonline.com"
VARIABLE = f"AIRFLOW_CONN_{CONNECTION.upper()}"
ROTATED = "rotated-in-airflow"


@dataclass(frozen=True)
class Kind:
    """One way to fail.

    :param service: status and code with which Azure ML refuses tokens; every token that was made before
        the fault, or with `lasts` every token.
    :param entra: status and code with which Entra refuses, "" for no answer at all.
    :param rotates: the connection holds a new secret from then on, and Entra refuses the old one.
    :param lasts: seconds for which Entra, or without `entra` Azure ML, refuses everything.
    """

    service: tuple[int, str] = (401, "InvalidAuthenticationToken")
    entra: tuple[int, str] | None = None
    rotates: bool = False
    lasts: float = 0.0
    headers: str = ""


KINDS = {
    "401, the token was revoked": Kind(),
    "401, the token has expired": Kind((401, "ExpiredAuthenticationToken")),
    "403 TokenExpired": Kind((403, "TokenExpired")),
    "the secret was rotated": Kind(
        rotates=True, entra=(401, "AADSTS7000215: Invalid client secret provided.")
    ),
    "the secret has expired": Kind(rotates=True, entra=(401, "AADSTS7000222: The secret keys are expired.")),
    "the new secret has not spread": Kind(
        rotates=True, entra=(401, "AADSTS7000215: Invalid client secret provided."), lasts=18.0
    ),
    "Entra is transiently unavailable": Kind(entra=(400, "AADSTS90033: A transient error."), lasts=20.0),
    "Entra answers 503": Kind(entra=(503, "temporarily_unavailable"), lasts=20.0),
    "Entra answers 429": Kind(entra=(429, "temporarily_unavailable"), lasts=20.0, headers="20"),
    "Entra does not answer": Kind(entra=(0, ""), lasts=20.0),
    "403, the role was away for ten minutes": Kind((403, "AuthorizationFailed"), lasts=600.0),
    "401 for half a minute, whatever the token": Kind((401, "InvalidAuthenticationToken"), lasts=30.0),
}


@dataclass
class Fault:
    """One fault at one moment."""

    world: World
    kind: Kind
    old_secret: str
    moment: float = float("inf")
    _stale: set[str] = field(default_factory=set)

    def strike(self) -> None:
        """It begins now."""
        self.moment = self.world.engine.now
        if self.kind.rotates:
            connection = json.loads(os.environ[VARIABLE])
            os.environ[VARIABLE] = json.dumps({**connection, "password": ROTATED})

    def change(self, url: str, headers: dict[str, str], body: bytes) -> Answer | bytes:
        """What becomes of a request."""
        if urlsplit(url).hostname == LOGIN:
            return self._sign_in(body)
        token = headers.get("Authorization", "")
        if self.world.engine.now < self.moment:
            self._stale.add(token)
        elif self._refuses(token):
            status, code = self.kind.service
            return refusal(status, code=code)
        return body

    def _refuses(self, token: str) -> bool:
        if self.kind.lasts and not self.kind.entra:
            return bool(token) and self.world.engine.now < self.moment + self.kind.lasts
        return token in self._stale

    def _sign_in(self, body: bytes) -> Answer | bytes:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if self.kind.entra and body and self._entra_refuses(form.get("client_secret", "")):
            return self._refusal(*self.kind.entra)
        if form.get("client_secret") == ROTATED:  # Entra knows it, the sandbox does not
            return urlencode({**form, "client_secret": self.old_secret}).encode()
        return body

    def _entra_refuses(self, secret: str) -> bool:
        now = self.world.engine.now
        is_old = self.kind.rotates and secret != ROTATED
        return now >= self.moment and (is_old or now < self.moment + self.kind.lasts)

    def _refusal(self, status: int, text: str) -> Answer:
        if status == 0:
            raise AnswerLostError(0)
        answer = refusal(status, self.kind.headers)
        error = {"error": "invalid_client" if status == 401 else "temporarily_unavailable"}
        return answer._replace(body=json.dumps({**error, "error_description": text}).encode())


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """The connection's secret before anything happens to it; after the test it is that again."""
    monkeypatch.setenv(VARIABLE, os.environ[VARIABLE])
    return str(json.loads(os.environ[VARIABLE])["password"])


def case(cloud: Azure, kind: Kind, poll: int, secret: str, jobs: int = 1) -> tuple[Line, float]:
    """One fault before one poll of so many jobs; returns the line, and the delay of the last event."""
    with world(cloud, seed=poll) as made:
        airflow, line = watching(made)
        fault = Fault(made, kind, secret)
        line.change = fault.change
        ends = poll * POLL + kind.lasts + 1.0
        for name in submit(made, jobs, Life(ends)):
            airflow.wait_for(name, poll_interval=POLL)
        made.triggerer()
        made.engine.call_at((poll - 0.5) * POLL, fault.strike)
        made.engine.run(until=ends + 3 * POLL, done=lambda: len(airflow.events) == jobs)
        assert airflow.failures == []
        assert {event["status"] for _, event in airflow.events.values()} == {"Completed"}
        assert len(airflow.events) == jobs
        assert effects(made) == {"created": jobs, "started": jobs, "ended": jobs}
        return line, max(moment for moment, _ in airflow.events.values()) - ends


@pytest.mark.parametrize("name", KINDS)
def test_a_job_is_watched_to_its_end_through_every_fault_at_every_poll(
    cloud: Azure, count: list[str], secret: str, name: str
) -> None:
    worst, repeated, sign_ins = 0.0, 0, 0
    for poll in POLLS:
        os.environ[VARIABLE] = os.environ[VARIABLE].replace(ROTATED, secret)
        line, delay = case(cloud, KINDS[name], poll, secret)
        worst = max(worst, delay)
        refused = line.count("/batchrundata", 401) + line.count("/batchrundata", 403)
        repeated = max(repeated, refused)
        sign_ins = max(sign_ins, line.count("/oauth2/v2.0/token") - 1)
    count.append(
        f"{name}: {len(POLLS)} of {len(POLLS)} recover; {sign_ins} sign-ins more, {repeated} refused polls"
    )
    assert worst <= 1.2 * POLL + 5.0
    if not KINDS[name].lasts:
        assert repeated == 1
        assert sign_ins <= 2


def test_500_jobs_at_a_rotation_cost_a_handful_of_sign_ins(
    cloud: Azure, count: list[str], secret: str
) -> None:
    line, _ = case(cloud, KINDS["the secret was rotated"], 3, secret, jobs=500)
    sign_ins = line.count("/oauth2/v2.0/token") - 1
    count.append(f"a rotation under 500 jobs: {sign_ins} sign-ins")
    assert sign_ins <= 5
