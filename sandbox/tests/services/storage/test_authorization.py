# SPDX-License-Identifier: Apache-2.0
"""Who may do what: roles, tokens, keys and the three kinds of SAS, each refused as Azure refuses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError
from azure.storage.blob import (
    AccountSasPermissions,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)
from azure.storage.filedatalake import DataLakeServiceClient, DirectorySasPermissions, generate_directory_sas

from azure_sandbox.kernel.ports import Lake
from sandbox.tests.services.storage.storage_cloud import ACCOUNT, KEYLESS, StorageCloud

URL = "https://lake.blob.core.windows.net"
SOON = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1)
PAST = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1)
MISMATCH = "AuthorizationPermissionMismatch"

#: method, URL, headers, body -> the roles that may. ``{c}`` is the container.
OPERATIONS: list[tuple[str, str, dict[str, str], bytes, set[str]]] = [
    ("GET", "dfs:/{c}?resource=filesystem&recursive=true", {}, b"", {"reader", "contributor", "owner"}),
    ("HEAD", "dfs:/{c}/f?action=getStatus", {}, b"", {"reader", "contributor", "owner"}),
    ("HEAD", "dfs:/{c}/?action=getAccessControl", {}, b"", {"reader", "contributor", "owner"}),
    ("GET", "dfs:/{c}/f", {}, b"", {"reader", "contributor", "owner"}),
    ("PUT", "dfs:/{c}/new?resource=file", {}, b"", {"contributor", "owner", "adder"}),
    ("PUT", "dfs:/{c}/f?resource=file", {}, b"", {"contributor", "owner"}),
    ("PUT", "dfs:/{c}/dir?resource=directory", {}, b"", {"contributor", "owner", "adder"}),
    ("PATCH", "dfs:/{c}/f?action=append&position=5", {}, b"x", {"contributor", "owner", "adder"}),
    (
        "PUT",
        "dfs:/{c}/f?action=append&position=5",
        {"X-HTTP-Method-Override": "PATCH"},
        b"x",
        {"contributor", "owner", "adder"},
    ),
    (
        "PATCH",
        "dfs:/{c}/f?action=setProperties",
        {"x-ms-properties": "a=MQ=="},
        b"",
        {"contributor", "owner"},
    ),
    ("PATCH", "dfs:/{c}/f?action=setAccessControl", {"x-ms-permissions": "0700"}, b"", {"owner"}),
    ("PUT", "dfs:/{c}/g", {"x-ms-rename-source": "/{c}/f"}, b"", {"contributor", "owner"}),
    ("DELETE", "dfs:/{c}/f", {}, b"", {"contributor", "owner"}),
    ("HEAD", "dfs:/{c}?resource=filesystem", {}, b"", {"reader", "contributor", "owner", "manager"}),
    ("GET", "blob:/{c}?restype=container&comp=list", {}, b"", {"reader", "contributor", "owner"}),
    ("GET", "blob:/{c}/f", {}, b"", {"reader", "contributor", "owner"}),
    ("PUT", "blob:/{c}/f", {"x-ms-blob-type": "BlockBlob"}, b"y", {"contributor", "owner"}),
    ("PUT", "blob:/{c}/n", {"x-ms-blob-type": "BlockBlob"}, b"y", {"contributor", "owner", "adder"}),
    ("PUT", "blob:/{c}/f?comp=metadata", {"x-ms-meta-a": "1"}, b"", {"contributor", "owner"}),
    ("DELETE", "blob:/{c}/f", {}, b"", {"contributor", "owner"}),
    ("GET", "blob:/?comp=list", {}, b"", {"reader", "contributor", "owner", "manager"}),
    ("PUT", "blob:/{c}?restype=container&comp=metadata", {}, b"", {"contributor", "owner", "manager"}),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda it: f"{it[0]} {it[1]}")
def test_each_operation_is_open_to_its_roles_only(
    storage: StorageCloud, filesystem: str, operation: Any
) -> None:
    method, url, headers, body, allowed = operation
    for role in ("reader", "contributor", "owner", "adder", "manager", "nobody"):
        blob = {"x-ms-blob-type": "BlockBlob"}
        for path in ("new", "n", "dir", "g"):
            storage.send("DELETE", f"dfs:/{filesystem}/{path}")
        assert storage.send("PUT", f"blob:/{filesystem}/f", headers=blob, content=b"12345").status_code == 201
        filled = {name: value.format(c=filesystem) for name, value in headers.items()}
        answer = storage.send(method, url.format(c=filesystem), role, headers=filled, content=body)
        if role in allowed:
            assert answer.status_code < 300, (role, answer.text)
        else:
            assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, MISMATCH), role


def test_a_refusal_reads_like_azures(storage: StorageCloud) -> None:
    dfs = storage.send("GET", "dfs:/data/f", "nobody")
    message = dfs.json()["error"]["message"].splitlines()
    text = "This request is not authorized to perform this operation using this permission."
    assert message[0] == text
    assert message[1] == f"RequestId:{dfs.headers['x-ms-request-id']}"
    assert message[2].startswith("Time:")
    blob = storage.send("GET", "blob:/data/f", "nobody")
    assert f"<Code>{MISMATCH}</Code><Message>{text}\nRequestId:" in blob.text
    head = storage.send("HEAD", "dfs:/data/f", "nobody")
    assert (head.status_code, head.content, head.headers["x-ms-error-code"]) == (403, b"", MISMATCH)


def test_an_owner_of_a_path_may_change_its_acl(storage: StorageCloud, filesystem: str) -> None:
    storage.send("PUT", f"dfs:/{filesystem}/mine?resource=file", "contributor")
    url = f"dfs:/{filesystem}/mine?action=setAccessControl"
    assert storage.send("PATCH", url, "contributor", headers={"x-ms-permissions": "0700"}).status_code == 200
    given_away = {"x-ms-owner": storage.object_id("reader")}
    assert storage.send("PATCH", url, "contributor", headers=given_away).status_code == 403


def test_a_stranger_is_asked_to_log_in(storage: StorageCloud) -> None:
    for url in ("dfs:/data/f", "blob:/data/f"):
        answer = storage.send("GET", url, None)
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
        assert "resource_id=https://storage.azure.com" in answer.headers["www-authenticate"]


def test_a_token_for_another_audience_is_refused(storage: StorageCloud) -> None:
    headers = storage.sandbox.bearer("owner", "https://management.azure.com")
    answer = storage.send("GET", "blob:/data/f", None, headers=headers)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert "Audience validation failed" in answer.text


def test_an_account_that_does_not_exist_is_not_made(storage: StorageCloud) -> None:
    answer = storage.send("HEAD", "blob:/cli", None, account="azcliprod")
    assert (answer.status_code, answer.content) == (404, b"")


def _key(storage: StorageCloud, account: str = ACCOUNT) -> str:
    return storage.sandbox.cloud.port(Lake).account_key(account)


def test_the_account_key_opens_everything(storage: StorageCloud, filesystem: str) -> None:
    with BlobServiceClient(URL, _key(storage)) as service:
        blob = service.get_blob_client(filesystem, "a b/ü%20.txt")
        blob.upload_blob(b"x", metadata={"z": "1", "a_b": "2"})
        assert blob.download_blob(offset=0, length=1).readall() == b"x"
        names = [item.name for item in service.get_container_client(filesystem).list_blobs()]
        assert names == ["a b", "a b/ü%20.txt"]
    with DataLakeServiceClient("https://lake.dfs.core.windows.net", _key(storage)) as lake:
        assert [item.name for item in lake.get_file_system_client(filesystem).get_paths()] == names


def test_a_wrong_key_opens_nothing(storage: StorageCloud) -> None:
    with BlobServiceClient(URL, "A" * 86 + "==") as service:
        with pytest.raises(ClientAuthenticationError) as refused:
            next(iter(service.list_containers()))
        assert refused.value.error_code == "AuthenticationFailed"


def test_keys_may_be_switched_off(storage: StorageCloud) -> None:
    key = _key(storage, KEYLESS)
    with BlobServiceClient(f"https://{KEYLESS}.blob.core.windows.net", key) as service:
        with pytest.raises(HttpResponseError) as refused:
            service.get_container_client("data").get_container_properties()
        assert refused.value.error_code == "KeyBasedAuthenticationNotPermitted"
    sas = generate_blob_sas(KEYLESS, "data", "x", account_key=key, permission="r", expiry=SOON)
    answer = storage.send("GET", f"blob:/data/x?{sas}", None, account=KEYLESS)
    assert answer.headers["x-ms-error-code"] == "KeyBasedAuthenticationNotPermitted"


def test_a_blob_sas_opens_its_blob_for_its_verbs(storage: StorageCloud, filesystem: str) -> None:
    key = _key(storage)
    sas = generate_blob_sas(
        ACCOUNT, filesystem, "a b", account_key=key, permission=BlobSasPermissions(create=True), expiry=SOON
    )
    with BlobClient(URL, filesystem, "a b", credential=sas) as blob:
        blob.upload_blob(b"1")
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"2", overwrite=True)
        assert refused.value.error_code == MISMATCH
        with pytest.raises(HttpResponseError) as refused:
            blob.download_blob()
        assert refused.value.error_code == MISMATCH
    with (
        BlobClient(URL, filesystem, "other", credential=sas) as other,
        pytest.raises(ClientAuthenticationError) as failed,
    ):
        other.upload_blob(b"1")
    assert failed.value.error_code == "AuthenticationFailed"


def test_a_container_sas_reads_and_lists(storage: StorageCloud, filesystem: str) -> None:
    permission = ContainerSasPermissions(read=True, list=True, write=True)
    sas = generate_container_sas(
        ACCOUNT, filesystem, account_key=_key(storage), permission=permission, expiry=SOON
    )
    with ContainerClient(URL, filesystem, credential=sas) as container:
        container.upload_blob("x/y", b"1")
        assert container.download_blob("x/y").readall() == b"1"
        assert [item.name for item in container.list_blobs()] == ["x", "x/y"]
        with pytest.raises(HttpResponseError) as refused:
            container.delete_blob("x/y")
        assert refused.value.error_code == MISMATCH
        with pytest.raises(HttpResponseError):
            container.delete_container()


def test_an_account_sas_is_bound_to_services_types_and_verbs(storage: StorageCloud, filesystem: str) -> None:
    sas = generate_account_sas(
        ACCOUNT,
        _key(storage),
        resource_types=ResourceTypes(object=True),
        permission=AccountSasPermissions(read=True, write=True),
        expiry=SOON,
    )
    with ContainerClient(URL, filesystem, credential=sas) as container:
        container.upload_blob("x", b"1")
        with pytest.raises(ResourceExistsError):
            container.upload_blob("x", b"1")
        with pytest.raises(HttpResponseError) as refused:
            next(iter(container.list_blobs()))
        assert refused.value.error_code == "AuthorizationResourceTypeMismatch"


@pytest.mark.parametrize(
    "change", [{"expiry": PAST}, {"start": SOON, "expiry": SOON + dt.timedelta(hours=1)}, {"forged": True}]
)
def test_a_sas_out_of_time_or_forged_is_refused(
    storage: StorageCloud, filesystem: str, change: dict[str, Any]
) -> None:
    forged = change.pop("forged", False)
    options = {"permission": "r", "expiry": SOON, **change}
    sas = generate_blob_sas(ACCOUNT, filesystem, "x", account_key=_key(storage), **options)
    if forged:
        sas = sas.replace("sp=r", "sp=rw")
    answer = storage.send("GET", f"blob:/{filesystem}/x?{sas}", None)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_a_delegated_sas_is_worth_the_delegators_roles(storage: StorageCloud, filesystem: str) -> None:
    for role, outcome in (("contributor", 201), ("reader", 403)):
        with BlobServiceClient(URL, storage.credential(role)) as service:
            key = service.get_user_delegation_key(PAST, SOON)
        sas = generate_blob_sas(
            ACCOUNT, filesystem, "x", user_delegation_key=key, permission="w", expiry=SOON
        )
        headers = {"x-ms-blob-type": "BlockBlob"}
        answer = storage.send("PUT", f"blob:/{filesystem}/x?{sas}", None, headers=headers, content=b"1")
        assert answer.status_code == outcome, answer.text


def test_a_directory_sas_opens_what_is_below_it(storage: StorageCloud, filesystem: str) -> None:
    storage.send("PUT", f"dfs:/{filesystem}/d/e/f?resource=file")
    storage.send("PUT", f"dfs:/{filesystem}/other?resource=file")
    permission = DirectorySasPermissions(read=True, list=True)
    sas = generate_directory_sas(ACCOUNT, filesystem, "d", _key(storage), permission, SOON)
    assert storage.send("GET", f"dfs:/{filesystem}/d/e/f?{sas}", None).status_code == 200
    listing = f"dfs:/{filesystem}?resource=filesystem&directory=d&recursive=true&{sas}"
    assert len(storage.send("GET", listing, None).json()["paths"]) == 2
    assert storage.send("GET", f"dfs:/{filesystem}/other?{sas}", None).status_code == 403
    assert storage.send("GET", listing.replace("directory=d", "directory="), None).status_code == 403


@pytest.mark.parametrize("account", [ACCOUNT, KEYLESS])
def test_the_platforms_own_url_works_even_without_keys(storage: StorageCloud, account: str) -> None:
    lake = storage.sandbox.cloud.port(Lake)
    url = lake.sas_url(account, "data", "jobs/log 1.txt", permissions="cwr")
    put = storage.sandbox.http.put(url, content=b"hello", headers={"x-ms-blob-type": "BlockBlob"})
    assert put.status_code == 201, put.text
    assert storage.sandbox.http.get(url).content == b"hello"
    container = lake.sas_url(account, "data", permissions="l")
    assert storage.sandbox.http.get(f"{container}&restype=container&comp=list").status_code == 200
