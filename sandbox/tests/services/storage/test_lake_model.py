# SPDX-License-Identifier: Apache-2.0
"""Random operations through both endpoints, against a dictionary that says what must come of them."""

from __future__ import annotations

import random
from urllib.parse import quote

import pytest

from sandbox.tests.services.storage.storage_cloud import StorageCloud

NAMES = ("a", "b", "a/b", "a/c", "a/b/c", "d.1", "d/ü", "d/e f", "d-2/x%y")


class Model:
    """Files by path, and directories, as POSIX would have them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.directories: set[str] = set()

    def parents(self, path: str) -> list[str]:
        parts = path.split("/")[:-1]
        return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]

    def blocked(self, path: str) -> bool:
        return path in self.directories or any(parent in self.files for parent in self.parents(path))

    def put(self, path: str, content: bytes) -> bool:
        if self.blocked(path):
            return False
        self.directories.update(self.parents(path))
        self.files[path] = content
        return True

    def below(self, path: str) -> bool:
        return any(other.startswith(f"{path}/") for other in [*self.files, *self.directories])

    def delete(self, path: str) -> bool:
        if path not in self.files and path not in self.directories:
            return False
        self.files = {k: v for k, v in self.files.items() if k != path and not k.startswith(f"{path}/")}
        self.directories = {k for k in self.directories if k != path and not k.startswith(f"{path}/")}
        return True

    def rename(self, old: str, new: str) -> bool:
        directory = old in self.directories
        parents = self.parents(new)
        missing = old not in self.files and not directory
        homeless = bool(parents) and parents[-1] not in self.directories
        within = new == old or new.startswith(f"{old}/")
        if missing or (directory and within) or homeless:
            return False
        if old == new:
            return True
        other_kind = new in (self.files if directory else self.directories)
        if other_kind or (directory and self.below(new)):
            return False
        moved = {k: v for k, v in self.files.items() if k == old or k.startswith(f"{old}/")}
        folders = {k for k in self.directories if k == old or k.startswith(f"{old}/")}
        self.delete(old)
        self.files.update({new + k[len(old) :]: v for k, v in moved.items()})
        self.directories |= {new + k[len(old) :] for k in folders}
        return True


@pytest.mark.parametrize("seed", range(4))
def test_the_lake_behaves_as_a_dictionary_of_paths(storage: StorageCloud, filesystem: str, seed: int) -> None:
    dice, model = random.Random(seed), Model()
    for step in range(120):
        path, other = dice.choice(NAMES), dice.choice(NAMES)
        dfs, blob = f"dfs:/{filesystem}/{quote(path)}", f"blob:/{filesystem}/{quote(path)}"
        action = dice.choice(["blob", "dfs", "mkdir", "delete", "rename", "append"])
        if action == "blob":
            content = dice.randbytes(dice.randint(0, 5000))
            answer = storage.send("PUT", blob, headers={"x-ms-blob-type": "BlockBlob"}, content=content)
            expected = model.put(path, content)
        elif action == "dfs":
            answer = storage.send("PUT", f"{dfs}?resource=file")
            expected = model.put(path, b"")
        elif action == "mkdir":
            answer = storage.send("PUT", f"{dfs}?resource=directory")
            expected = path not in model.files and not any(p in model.files for p in model.parents(path))
            if expected:
                model.directories.update([*model.parents(path), path])
        elif action == "delete":
            answer = storage.send("DELETE", f"{dfs}?recursive=true")
            expected = model.delete(path)
        elif action == "rename":
            source = {"x-ms-rename-source": f"/{filesystem}/{quote(path)}"}
            answer = storage.send("PUT", f"dfs:/{filesystem}/{quote(other)}", headers=source)
            expected = model.rename(path, other)
        else:
            size = len(model.files.get(path, b""))
            answer = storage.send("PATCH", f"{dfs}?action=append&position={size}&flush=true", content=b"more")
            expected = path in model.files
            if expected:
                model.files[path] += b"more"
        assert (answer.status_code < 300) == expected, (step, action, path, other, answer.text)
    listed = storage.send("GET", f"dfs:/{filesystem}?resource=filesystem&recursive=true").json()["paths"]
    assert {item["name"] for item in listed if "isDirectory" not in item} == set(model.files)
    assert {item["name"] for item in listed if "isDirectory" in item} == model.directories
    for path, content in model.files.items():
        assert storage.send("GET", f"blob:/{filesystem}/{quote(path)}").content == content
