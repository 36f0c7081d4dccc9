# SPDX-License-Identifier: Apache-2.0
"""Who asks storage: an Entra token, a request signed with the account's key, or a SAS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from starlette.requests import Request

from azure_sandbox.kernel.clock import http_date, parse_iso
from azure_sandbox.kernel.cloud import Cloud
from azure_sandbox.kernel.clouds import STORAGE_AUDIENCE
from azure_sandbox.kernel.errors import AzureError
from azure_sandbox.kernel.network import admits, is_trusted
from azure_sandbox.kernel.operation import Caller
from azure_sandbox.kernel.ports import Directory
from azure_sandbox.kernel.tokens import InvalidToken
from azure_sandbox.services.storage import signatures
from azure_sandbox.services.storage.access import CONTAINER, OBJECT
from azure_sandbox.services.storage.catalog import Catalog
from azure_sandbox.services.storage.records import Account
from azure_sandbox.services.storage.refusals import refuse

#: Seconds that a signed request's date may differ from ours.
_CLOCK_SKEW = 900

#: What is wrong with a token -> the detail that Azure adds.
_TOKEN_FAULTS = {
    "expired": "Lifetime validation failed. The token is expired.",
    "audience": "Audience validation failed. Audience did not match.",
    "issuer": "Issuer validation failed. Issuer did not match.",
}


def authenticator(catalog: Catalog) -> Callable[[Cloud, Request], Caller]:
    """For a storage surface: finds the account first, since there is nobody to ask without one."""

    def authenticate(cloud: Cloud, request: Request) -> Caller:
        account = account_of(catalog, request)
        if not is_admitted(cloud, account, request):
            return _trusted(cloud, account, request)
        return _caller(cloud, account, request)

    return authenticate


def is_admitted(cloud: Cloud, account: Account, request: Request) -> bool:
    """Whether the account's network rules let the request's address in."""
    return admits(account.public_access, account.rules, cloud.origin(request))


def _trusted(cloud: Cloud, account: Account, request: Request) -> Caller:
    """The caller whom the rules name, wherever it asks from.

    :raises AzureError: 403 AuthorizationFailure for everybody else, whoever they are
    """
    try:
        caller = _caller(cloud, account, request)
    except AzureError:
        raise refuse("AuthorizationFailure") from None
    if not is_trusted(cloud.port(Directory), account.rules, caller.object_id):
        raise refuse("AuthorizationFailure")
    return caller


def _caller(cloud: Cloud, account: Account, request: Request) -> Caller:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _bearer(cloud, account, credential)
    if scheme.lower() == "sharedkey":
        return _shared_key(cloud, account, request, credential)
    if scheme:
        raise _unauthorized(cloud, "InvalidAuthenticationInfo", "The authentication scheme is not supported.")
    if "sig" in request.query_params:
        return sas_caller(cloud, account, request.scope["path"], request.query_params, request.url.scheme)
    raise _unauthorized(cloud, "NoAuthenticationInformation")


def account_of(catalog: Catalog, request: Request) -> Account:
    """The account whose host was asked; for an unknown one Azure has no DNS name, we have 404."""
    account = catalog.account(request.headers.get("host", "").partition(".")[0])
    if account is None:
        raise refuse("ResourceNotFound")
    return account


def _unauthorized(cloud: Cloud, code: str, detail: str = "") -> AzureError:
    challenge = (
        f"Bearer authorization_uri={cloud.azure.authority}/{cloud.tenant_id}/oauth2/authorize"
        f" resource_id={STORAGE_AUDIENCE}"
    )
    details = {"AuthenticationErrorDetail": detail} if detail else {}
    return refuse(code, headers={"WWW-Authenticate": challenge}, **details)


def _failed(detail: str) -> AzureError:
    return refuse("AuthenticationFailed", AuthenticationErrorDetail=detail)


def _bearer(cloud: Cloud, account: Account, token: str) -> Caller:
    try:
        claims = cloud.entra.verify(token, cloud.clock.time())
    except InvalidToken as error:
        raise _bad_token(cloud, str(error)) from None
    audience = str(claims.get("aud", "")).rstrip("/")
    own = audience.startswith(f"https://{account.name}.") and audience.endswith(f".{account.suffix}")
    if audience != STORAGE_AUDIENCE and not own:
        raise _bad_token(cloud, "audience")
    app_id = claims.get("appid") or claims.get("azp") or ""
    return Caller("bearer", str(claims["oid"]), str(app_id), claims)


def _bad_token(cloud: Cloud, fault: str) -> AzureError:
    detail = _TOKEN_FAULTS.get(
        fault, "Signature validation failed. The token is malformed or not signed by us."
    )
    return _unauthorized(cloud, "InvalidAuthenticationInfo", detail)


def _shared_key(cloud: Cloud, account: Account, request: Request, credential: str) -> Caller:
    _require_shared_key(account)
    name, _, signature = credential.partition(":")
    _check_date(cloud, request.headers)
    raw_path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    query = request.query_params.multi_items()
    text = signatures.shared_key_text(account.name, request.method, raw_path, request.headers, query)
    if name != account.name or not any(signatures.matches(key, text, signature) for key in account.keys):
        shown = text.replace("\n", "\\n")
        raise _failed(
            "The MAC signature found in the HTTP request is not the same as any computed signature."
            f" Server used following string to sign: '{shown}'."
        )
    return Caller("key")


def _require_shared_key(account: Account) -> None:
    if not account.shared_key:
        raise refuse("KeyBasedAuthenticationNotPermitted")


def _check_date(cloud: Cloud, headers: Mapping[str, str]) -> None:
    try:
        sent = parsedate_to_datetime(headers.get("x-ms-date") or headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        raise _failed("The Date header in the request is incorrect or missing.") from None
    if abs(sent - cloud.clock.time()) > _CLOCK_SKEW:
        raise _failed(
            f"The Date header in the request is incorrect. Server time: {http_date(cloud.clock.time())}"
        )


def sas_caller(
    cloud: Cloud, account: Account, path: str, query: Mapping[str, str], scheme: str = "https"
) -> Caller:
    """Who a SAS makes its bearer: ``claims`` hold what it grants.

    :param path: the decoded path of the request, or of a copy's source
    :raises AzureError: 403 AuthenticationFailed with Azure's detail
    """
    _check_times(cloud, query)
    if query.get("spr", "https") == "https" and scheme != "https":
        raise refuse("AuthorizationProtocolMismatch")
    if "ss" in query:
        levels = _verify_account_sas(account, query)
    elif "skoid" in query:
        levels = _verify_delegation(cloud, account, path, query)
    else:
        levels = _verify_service_sas(account, path, query)
    claims: dict[str, Any] = {"sp": query.get("sp", ""), "levels": levels, "skoid": query.get("skoid", "")}
    return Caller("sas", claims=claims)


def _check_times(cloud: Cloud, query: Mapping[str, str]) -> None:
    now = cloud.clock.time()
    try:
        start = parse_iso(query["st"]) if query.get("st") else 0.0
        expiry = parse_iso(query["se"])
    except (KeyError, ValueError):
        raise _failed("Signed expiry time has to be present and in ISO 8601 format.") from None
    if not start <= now < expiry:
        raise _failed(
            f"Signature not valid in the specified time frame: Start [{query.get('st', '')}] -"
            f" Expiry [{query['se']}] - Current [{http_date(now)}]"
        )


def _verify(keys: tuple[str, ...], text: str, query: Mapping[str, str]) -> None:
    if not any(signatures.matches(key, text, query.get("sig", "")) for key in keys):
        shown = text.replace("\n", "\\n")
        raise _failed(f"Signature did not match. String to sign used was {shown}")


def _verify_account_sas(account: Account, query: Mapping[str, str]) -> str:
    _require_shared_key(account)
    _verify(account.keys, signatures.account_sas_text(account.name, query), query)
    if "b" not in query.get("ss", ""):
        raise refuse("AuthorizationServiceMismatch")
    return query.get("srt", "")


def _verify_service_sas(account: Account, path: str, query: Mapping[str, str]) -> str:
    _require_shared_key(account)
    canonical = _canonical(account, path, query)
    _verify(account.keys, signatures.service_sas_text(canonical, query), query)
    return _levels(query)


def _verify_delegation(cloud: Cloud, account: Account, path: str, query: Mapping[str, str]) -> str:
    _check_times(cloud, {"st": query.get("skt", ""), "se": query.get("ske", "")})
    key = signatures.delegation_key(account.delegation_seal, query)
    _verify((key,), signatures.delegation_sas_text(_canonical(account, path, query), query), query)
    return _levels(query)


def _levels(query: Mapping[str, str]) -> str:
    """A blob's SAS opens the blob; a container's or directory's also lists."""
    return OBJECT if query.get("sr") == "b" else OBJECT + CONTAINER


def _canonical(account: Account, path: str, query: Mapping[str, str]) -> str:
    container, _, blob = path.lstrip("/").partition("/")
    resource = query.get("sr", "")
    if resource == "b":
        return f"/blob/{account.name}/{container}/{blob}"
    if resource == "c":
        return f"/blob/{account.name}/{container}"
    if resource == "d":
        below = blob or query.get("directory", "") or query.get("prefix", "")
        depth = int(query["sdd"]) if query.get("sdd", "").isdecimal() else 0
        return "/".join(["/blob", account.name, container, *below.strip("/").split("/")[:depth]])
    raise _failed("sr is mandatory. Cannot be empty")
