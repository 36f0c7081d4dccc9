# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_azureml.errors import ConfigurationError, ServiceError
from airflow_provider_azureml.rest.code import MAX_BYTES, read_folder, upload_code

FILES = {
    "main.py": "print(1)\n",
    "B/z.py": "x",
    "a.txt": "yy",
    "sub/empty": "",
    "sub/deep/d.py": "deep",
    ".amlignore": "*.log\nbuild/\n!keep.log\n",
    "x.log": "no",
    "keep.log": "keep",
    "build/o.bin": "o",
}
# Measured with azure-ai-ml 1.35.2 (`get_content_hash`) on the same folder.
SDK_HASH = "92f09df0370b01594261ae839afd08718de16b3f39e9b42600659ef2555154b0"
CONTAINER = "https://acct.blob.core.windows.net/container"
PENDING = {
    "blobReferenceForConsumption": {
        "blobUri": CONTAINER,
        "credential": {"credentialType": "SAS", "sasUri": f"{CONTAINER}?sv=1&sig=s"},
    }
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "src", FILES)


def test_the_hash_is_the_one_that_the_sdk_computes(folder: Path) -> None:
    assert read_folder(folder).sha256 == SDK_HASH


def test_known_code_is_found_in_one_call_and_not_uploaded(play, workspace, folder: Path) -> None:
    played = play(upload_code(workspace, folder), {"value": [{"id": "/ws/codes/c/versions/1"}]})
    assert played.result == "/ws/codes/c/versions/1"
    assert f"hash={SDK_HASH}&hashVersion=202208" in played.requests[0].url


def test_new_code_is_uploaded_with_the_signature_only_and_then_registered(
    play, workspace, tmp_path: Path
) -> None:
    folder = write(tmp_path / "my src", {"main.py": "m", "lib/ü.py": "u"})
    created = (201, {"id": "/ws/codes/c/versions/1"})
    played = play(upload_code(workspace, folder), {"value": []}, PENDING, (201, b""), (201, b""), created)
    assert played.result == "/ws/codes/c/versions/1"
    blobs, register = played.requests[2:4], played.requests[4]
    assert [(blob.method, blob.scope) for blob in blobs] == [("PUT", None)] * 2
    assert {blob.url: blob.content for blob in blobs} == {
        f"{CONTAINER}/my%20src/lib/%C3%BC.py?sv=1&sig=s": b"u",
        f"{CONTAINER}/my%20src/main.py?sv=1&sig=s": b"m",
    }
    assert register.json["properties"]["codeUri"] == f"{CONTAINER}/my%20src"
    assert register.json["properties"]["properties"]["hash_sha256"] == read_folder(folder).sha256


def test_without_a_signature_the_upload_is_done_as_ourselves(play, workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "src", {"main.py": "m"})
    place = {"blobReferenceForConsumption": {"blobUri": CONTAINER, "credential": None}}
    played = play(upload_code(workspace, folder), {"value": []}, place, (201, b""), (201, {"id": "/c"}))
    assert played.requests[2].scope == "https://storage.azure.com/.default"
    assert played.requests[2].url == f"{CONTAINER}/src/main.py"


def test_a_refused_blob_ends_the_upload_before_the_code_is_registered(
    play, workspace, tmp_path: Path
) -> None:
    folder = write(tmp_path / "src", {"main.py": "m"})
    with pytest.raises(ServiceError, match="AuthenticationFailed"):
        play(
            upload_code(workspace, folder),
            {"value": []},
            PENDING,
            (403, b"<Error><Code>AuthenticationFailed</Code></Error>"),
        )


@pytest.mark.parametrize("name", [".git/config", ".env", ".env.local", "key.pem", "a/__pycache__/m.pyc"])
def test_history_and_secrets_are_never_uploaded_even_when_asked_for(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "src", {"main.py": "m", name: "s", ".amlignore": f"!{name}\n"})
    assert name not in read_folder(folder).files


def test_gitignore_counts_only_where_there_is_no_amlignore(tmp_path: Path) -> None:
    folder = write(tmp_path / "src", {"a.py": "", "b.py": "", ".gitignore": "a.py\n"})
    assert "a.py" not in read_folder(folder).files
    write(folder, {".amlignore": "b.py\n"})
    assert {"a.py"} == {name for name in read_folder(folder).files if name.endswith(".py")}


def test_a_link_inside_the_folder_is_read_under_its_own_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "src", {"a.py": "a"})
    (folder / "b.py").symlink_to("a.py")
    assert read_folder(folder).files == {"a.py": b"a", "b.py": b"a"}


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "."])
def test_a_link_that_leaves_or_circles_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"secret": "s"})
    folder = write(tmp_path / "src", {"a.py": "a"})
    (folder / "link").symlink_to(target)
    with pytest.raises(ConfigurationError, match="link"):
        read_folder(folder)


@pytest.mark.parametrize("files", [None, {}, {".git/config": "x"}])
def test_a_missing_or_empty_folder_is_named(tmp_path: Path, files: dict[str, str] | None) -> None:
    folder = tmp_path / "src"
    if files is not None:
        folder.mkdir()
        write(folder, files)
    with pytest.raises(ConfigurationError, match=r"code: '.*src'"):
        read_folder(folder)


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 1 << 40], ids=["a byte", "larger than the memory"])
def test_a_folder_that_is_too_large_names_the_mend(tmp_path: Path, size: int) -> None:
    folder = write(tmp_path / "src", {"a.py": "a"})
    with (folder / "data.bin").open("wb") as stream:
        stream.truncate(size)
    with pytest.raises(ConfigurationError, match="Pass data as an input"):
        read_folder(folder)
