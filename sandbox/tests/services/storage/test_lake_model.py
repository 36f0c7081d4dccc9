# SPDX-License-Identifier: Apache-2.0
"""Random operations through both endpoints, against a dictionary that says what must come of them."""

from __future__ import annotations

import random
from typing import Any
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

    def make_directory(self, path: str) -> bool:
        if path in self.files or any(parent in self.files for parent in self.parents(path)):
            return False
        self.directories.update([*self.parents(path), path])
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


class Player:
    """Does one thing to the lake and to the model; each method returns the answer and whether the model allows it."""

    def __init__(self, storage: StorageCloud, filesystem: str, dice: random.Random) -> None:
        self.storage, self.filesystem, self.dice, self.model = storage, filesystem, dice, Model()

    def _url(self, service: str, path: str) -> str:
        return f"{service}:/{self.filesystem}/{quote(path)}"

    def put_blob(self, path: str, other: str) -> tuple[Any, bool]:
        content = self.dice.randbytes(self.dice.randint(0, 5000))
        headers = {"x-ms-blob-type": "BlockBlob"}
        answer = self.storage.send("PUT", self._url("blob", path), headers=headers, content=content)
        return answer, self.model.put(path, content)

    def create_file(self, path: str, other: str) -> tuple[Any, bool]:
        answer = self.storage.send("PUT", f"{self._url('dfs', path)}?resource=file")
        return answer, self.model.put(path, b"")

    def make_directory(self, path: str, other: str) -> tuple[Any, bool]:
        answer = self.storage.send("PUT", f"{self._url('dfs', path)}?resource=directory")
        return answer, self.model.make_directory(path)

    def delete(self, path: str, other: str) -> tuple[Any, bool]:
        answer = self.storage.send("DELETE", f"{self._url('dfs', path)}?recursive=true")
        return answer, self.model.delete(path)

    def rename(self, path: str, other: str) -> tuple[Any, bool]:
        source = {"x-ms-rename-source": f"/{self.filesystem}/{quote(path)}"}
        answer = self.storage.send("PUT", self._url("dfs", other), headers=source)
        return answer, self.model.rename(path, other)

    def append(self, path: str, other: str) -> tuple[Any, bool]:
        url = f"{self._url('dfs', path)}?action=append&position={len(self.model.files.get(path, b''))}&flush=true"
        answer = self.storage.send("PATCH", url, content=b"more")
        if path not in self.model.files:
            return answer, False
        self.model.files[path] += b"more"
        return answer, True

    def check(self) -> None:
        url = f"dfs:/{self.filesystem}?resource=filesystem&recursive=true"
        listed = self.storage.send("GET", url).json()["paths"]
        assert {item["name"] for item in listed if "isDirectory" not in item} == set(self.model.files)
        assert {item["name"] for item in listed if "isDirectory" in item} == self.model.directories
        for path, content in self.model.files.items():
            assert self.storage.send("GET", self._url("blob", path)).content == content


@pytest.mark.parametrize("seed", range(4))
def test_the_lake_behaves_as_a_dictionary_of_paths(storage: StorageCloud, filesystem: str, seed: int) -> None:
    dice = random.Random(seed)
    player = Player(storage, filesystem, dice)
    moves = [
        player.put_blob,
        player.create_file,
        player.make_directory,
        player.delete,
        player.rename,
        player.append,
    ]
    for step in range(120):
        move, path, other = dice.choice(moves), dice.choice(NAMES), dice.choice(NAMES)
        answer, allowed = move(path, other)
        assert (answer.status_code < 300) == allowed, (step, move.__name__, path, other, answer.text)
    player.check()
