# SPDX-License-Identifier: Apache-2.0
"""The Security Token Service: https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure_sandbox.kernel.clock import iso_z
from azure_sandbox.kernel.operation import Call
from azure_sandbox.services.aws import errors
from azure_sandbox.services.aws.accounts import Accounts
from azure_sandbox.services.aws.records import Principal, Signer
from azure_sandbox.services.aws.signature import verified
from azure_sandbox.services.aws.web_identity import trusted_subject

VERSION = "2011-06-15"
#: The region of requests to the endpoint without one.
GLOBAL_REGION = "us-east-1"
CLAIMS = "https://sts.amazonaws.com/"
_ALGORITHMS = ("RS256", "ES384")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")

Form = Mapping[str, str]
Result = dict[str, Any]


class Sts:
    """Its four actions. A result is what stands in ``<ACTIONResult>``."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def answer(self, call: Call, form: Form) -> tuple[str, Result]:
        """The action of a request and its result.

        :raises azure_sandbox.kernel.errors.AzureError: in AWS's words
        """
        action, version = form.get("Action", ""), form.get("Version", "")
        actions: dict[str, Callable[[Call, Form], Awaitable[Result]]] = {
            "GetWebIdentityToken": self._web_identity_token,
            "AssumeRole": self._assume_role,
            "AssumeRoleWithWebIdentity": self._assume_with_token,
            "GetCallerIdentity": self._caller_identity,
        }
        if action not in actions or version != VERSION:
            raise errors.unknown_action(action, version)
        return action, await actions[action](call, form)

    async def _signer(self, call: Call) -> Signer:
        return await verified(self._accounts, call, "sts", call.params.get("region", GLOBAL_REGION))

    async def _caller_identity(self, call: Call, form: Form) -> Result:
        signer = await self._signer(call)
        return {"Arn": signer.arn, "UserId": signer.user_id, "Account": signer.principal.account}

    async def _web_identity_token(self, call: Call, form: Form) -> Result:
        if "region" not in call.params:
            raise errors.unknown_action("GetWebIdentityToken", VERSION)
        signer = await self._signer(call)
        audiences, algorithm, seconds = _audiences(form), _algorithm(form), _seconds(form, 300, 60, 3600)
        tags = _tags(form)
        principal = signer.principal
        if not _may_ask(principal, audiences, seconds):
            raise errors.not_authorized(signer.arn, "sts:GetWebIdentityToken")
        if not self._accounts.federates(principal.account):
            raise errors.federation_disabled()
        now = call.cloud.clock.time()
        if signer.session and now + seconds > signer.ends:
            raise errors.session_too_short()
        claims = {
            "aud": audiences[0] if len(audiences) == 1 else audiences,
            "sub": principal.arn,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + seconds,
            "jti": secrets.token_hex(16),
            CLAIMS: _about(principal, call.params["region"], tags),
        }
        token = self._accounts.issuer(principal.account).sign(claims, algorithm)
        return {"WebIdentityToken": token, "Expiration": iso_z(now + seconds)}

    async def _assume_role(self, call: Call, form: Form) -> Result:
        signer = await self._signer(call)
        arn, name = _needed(form, "RoleArn", "roleArn"), _session_name(form)
        seconds = _seconds(form, 3600, 900, 43_200)
        role = self._accounts.principals.get(arn)
        own = role is not None and role.account == signer.principal.account
        if role is None or role.kind != "role" or not own or signer.principal.name not in role.trusts:
            raise errors.not_authorized(signer.arn, "sts:AssumeRole", arn)
        return self._credentials(role, name, seconds)

    async def _assume_with_token(self, call: Call, form: Form) -> Result:
        arn, name = _needed(form, "RoleArn", "roleArn"), _session_name(form)
        token = _needed(form, "WebIdentityToken", "webIdentityToken")
        seconds = _seconds(form, 3600, 900, 43_200)
        role = self._accounts.principals.get(arn)
        trusts = role.web if role is not None else ()
        known = {account.issuer for account in self._accounts.accounts.values()}
        trust = await trusted_subject(call.cloud, token, trusts, known)
        if role is None:
            raise errors.refused(
                403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"
            )
        result = self._credentials(role, name, seconds)
        provider = trust.issuer.partition("://")[2]
        return {
            "SubjectFromWebIdentityToken": trust.subject,
            "Audience": trust.audience,
            "Provider": f"arn:aws:iam::{role.account}:oidc-provider/{provider}",
            **result,
        }

    def _credentials(self, role: Principal, name: str, seconds: int) -> Result:
        made = self._accounts.open_session(role, name, seconds)
        signer = Signer(role, name)
        return {
            "Credentials": {
                "AccessKeyId": made["access_key"],
                "SecretAccessKey": made["secret"],
                "SessionToken": made["token"],
                "Expiration": iso_z(made["ends"]),
            },
            "AssumedRoleUser": {"AssumedRoleId": signer.user_id, "Arn": signer.arn},
        }


def _about(principal: Principal, region: str, tags: dict[str, str]) -> dict[str, Any]:
    """What AWS adds about the caller, and the caller about its request."""
    about: dict[str, Any] = {
        "aws_account": principal.account,
        "source_region": region,
        "principal_id": principal.arn,
    }
    if tags:
        about["request_tags"] = tags
    return about


def _may_ask(principal: Principal, audiences: list[str], seconds: int) -> bool:
    allowed = principal.audiences
    if allowed is None or seconds > principal.longest:
        return False
    return not allowed or set(audiences) <= set(allowed)


def _needed(form: Form, name: str, member: str) -> str:
    if not form.get(name):
        raise errors.missing(member)
    return form[name]


def _session_name(form: Form) -> str:
    name = _needed(form, "RoleSessionName", "roleSessionName")
    if not _SESSION_NAME.fullmatch(name):
        raise errors.invalid(
            "roleSessionName", name, r"Member must satisfy regular expression pattern: [\w+=,.@-]*"
        )
    return name


def _seconds(form: Form, default: int, least: int, most: int) -> int:
    text = form.get("DurationSeconds", str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < least:
        raise errors.invalid(
            "durationSeconds", text, f"Member must have value greater than or equal to {least}"
        )
    if number > most:
        raise errors.invalid("durationSeconds", text, f"Member must have value less than or equal to {most}")
    return number


def _algorithm(form: Form) -> str:
    algorithm = _needed(form, "SigningAlgorithm", "signingAlgorithm")
    if algorithm not in _ALGORITHMS:
        raise errors.invalid(
            "signingAlgorithm", algorithm, f"Member must satisfy enum value set: [{', '.join(_ALGORITHMS)}]"
        )
    return algorithm


def _audiences(form: Form) -> list[str]:
    audiences = [form[name] for name in _members(form, "Audience")]
    if not audiences:
        raise errors.missing("audience")
    if len(audiences) > 10 or not all(0 < len(audience) <= 1000 for audience in audiences):
        raise errors.invalid("audience", audiences, "Member must have length between 1 and 10")
    return audiences


def _tags(form: Form) -> dict[str, str]:
    tags: dict[str, str] = {}
    for member in _members(form, "Tags", ".Key"):
        name = form[member]
        if not 0 < len(name) <= 128 or name in tags:
            raise errors.invalid_value("Tag keys must be 1 to 128 characters long, and each be there once.")
        tags[name] = form.get(member.replace(".Key", ".Value"), "")
    if len(tags) > 50:
        raise errors.invalid_value("No more than 50 tags may be given.")
    return tags


def _members(form: Form, name: str, suffix: str = "") -> list[str]:
    """Names of a list's fields, in order: ``Audience.member.1`` and so on."""
    pattern = re.compile(rf"{name}\.member\.(\d{{1,3}}){re.escape(suffix)}")
    found = sorted((int(match[1]), field) for field in form if (match := pattern.fullmatch(field)))
    return [field for _, field in found]
