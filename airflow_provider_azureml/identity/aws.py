# SPDX-License-Identifier: Apache-2.0
"""AWS as HTTP: whoever this process is in AWS signs a request (Signature Version 4), which our driver sends.

botocore only finds the credentials (environment, container, instance, IRSA); of its own requests it would
log headers and bodies, keys included, at level DEBUG, and it would retry beside our one retry path. Any
botocore does, however old: new operations of STS are not looked up in its models.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from airflow_provider_azureml.connection import Settings
from airflow_provider_azureml.errors import DeniedError
from airflow_provider_azureml.identity.assertion import Mask
from airflow_provider_azureml.identity.source_http import ask, unreadable
from airflow_provider_azureml.rest.flow import Flow, Request, Response

STS_VERSION = "2011-06-15"
ROLE_LIFETIME = "900"
"""Seconds, STS's shortest: a role is assumed for one request."""
_TALKATIVE = ("auth", "endpoint", "hooks", "httpsession", "parsers", "utils", "credentials", "awsrequest")


@dataclass(frozen=True)
class Keys:
    """Credentials of AWS. `session` is empty for those of an IAM user."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


def own_keys(settings: Settings, mask: Mask) -> Callable[[], Keys]:
    """Return a function that gives this process's own credentials, renewed when they must be.

    It raises ConfigurationError without botocore, DeniedError when there are no credentials.
    """
    sessions: list[Any] = []

    def keys() -> Keys:
        if not sessions:
            sessions.append(_session(settings))
        provider = sessions[0].get_credentials()
        if provider is None:
            problem = f"This process has no AWS credentials for connection '{settings.conn_id}'."
            mend = "Give the worker a role (instance profile, task role, IRSA): aws sts get-caller-identity"
            raise DeniedError(401, "NoAwsCredentials", f"{problem} {mend}")
        frozen = provider.get_frozen_credentials()
        return _masked(Keys(frozen.access_key, frozen.secret_key, frozen.token or ""), mask)

    return keys


def _session(settings: Settings) -> Any:
    try:
        import botocore.session
    except ImportError:
        problem = f"'{settings.federated_source}' needs botocore, which is not installed here."
        mend = "Install it: pip install 'airflow-provider-azureml[aws]'"
        raise settings.error("federated_source", problem, mend) from None
    for name in _TALKATIVE:  # at DEBUG they write headers and bodies
        logging.getLogger(f"botocore.{name}").setLevel(logging.WARNING)
    return botocore.session.Session()


def _masked(keys: Keys, mask: Mask) -> Keys:
    for secret in (keys.secret, keys.session):
        if secret:
            mask(secret)
    return keys


def assumed(settings: Settings, keys: Keys, mask: Mask) -> Flow[Keys]:
    """The credentials of the connection's role, where it names one; else those given."""
    if not settings.aws_role_arn:
        return keys
    parameters = {
        "Action": "AssumeRole",
        "RoleArn": settings.aws_role_arn,
        "RoleSessionName": _session_name(),
        "DurationSeconds": ROLE_LIFETIME,
    }
    answer = yield from sts(settings, keys, parameters)
    found = [text_of(answer, name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    if not all(found):
        raise unreadable(settings, settings.aws_role_arn, answer.operation)
    return _masked(Keys(*found), mask)


def task() -> dict[str, str]:
    """DAG and task that this process runs, as Airflow tells every task's process; empty elsewhere."""
    names = {"dag_id": "AIRFLOW_CTX_DAG_ID", "task_id": "AIRFLOW_CTX_TASK_ID"}
    return {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


def _session_name() -> str:
    """Who assumed the role, as CloudTrail shows it: 2 to 64 of these characters."""
    told = "-".join(["airflow", *task().values()])
    return re.sub(r"[^\w+=,.@-]", "_", told, flags=re.ASCII)[:64]


def sts(settings: Settings, keys: Keys, parameters: Mapping[str, str]) -> Flow[Response]:
    """Call an operation of the region's STS: the global endpoint does not vouch."""
    url = f"https://sts.{_domain(settings.aws_region)}/"
    body = urlencode({**parameters, "Version": STS_VERSION}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/xml"}
    return (yield from call(settings, keys, "sts", url, body, headers))


def call(
    settings: Settings, keys: Keys, service: str, url: str, body: bytes, headers: Mapping[str, str]
) -> Flow[Response]:
    """Sign and send a POST; the answer when it is 200. Raises DeniedError or UnreachableError."""
    now = datetime.now(timezone.utc)
    signature = signed(keys, settings.aws_region, service, url, body, headers, now)
    request = Request("POST", url, content=body, headers={**headers, **signature})
    return (yield from ask(settings, request, f"AWS '{urlsplit(url).netloc}'"))


def _domain(region: str) -> str:
    return f"{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def cognito_url(region: str) -> str:
    """Where Cognito's identity pools of a region answer."""
    return f"https://cognito-identity.{_domain(region)}/"


def signed(
    keys: Keys, region: str, service: str, url: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """The headers that prove who sends a POST (AWS's reference: Signature Version 4)."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": moment, **({"X-Amz-Security-Token": keys.session} if keys.session else {})}
    parts = urlsplit(url)
    covered = {"host": parts.netloc, **{name.lower(): text for name, text in {**headers, **added}.items()}}
    covered.pop("accept", None)
    names = ";".join(sorted(covered))
    lines = "".join(f"{name}:{covered[name].strip()}\n" for name in sorted(covered))
    asked = f"POST\n{parts.path or '/'}\n{parts.query}\n{lines}\n{names}\n{_digest(body)}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{_digest(asked.encode())}"
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    credential = f"Credential={keys.access}/{scope}, SignedHeaders={names}"
    return {**added, "Authorization": f"AWS4-HMAC-SHA256 {credential}, Signature={_hmac(key, text).hex()}"}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def text_of(answer: Response, name: str) -> str:
    """The text of the first element of this name in an XML answer, whatever its namespace; else empty."""
    try:
        root = ElementTree.fromstring(answer.body)
    except ElementTree.ParseError:
        return ""
    found = next((item for item in root.iter() if item.tag.rpartition("}")[2] == name), None)
    return "" if found is None else (found.text or "").strip()
