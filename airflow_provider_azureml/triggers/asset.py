# SPDX-License-Identifier: Apache-2.0
"""Waiting for a version of a model or of a data asset in the triggerer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airflow_provider_azureml.errors import NotFoundError
from airflow_provider_azureml.rest import asset as asset_flows
from airflow_provider_azureml.rest.asset import Data, Model
from airflow_provider_azureml.rest.flow import Flow
from airflow_provider_azureml.rest.workspace import Workspace
from airflow_provider_azureml.triggers.state import AzureMLBaseStateTrigger, Seen

MODEL, DATA = "model", "data"


class AzureMLAssetTrigger(AzureMLBaseStateTrigger):
    """Fires once a version of a model or of a data asset is registered.

    :param azureml_conn_id: the connection to look with.
    :param kind: `model` or `data`.
    :param asset: its name.
    :param version: that version; empty for any.
    :param newer_than: only versions that are newer than this one count; empty for any.
    :param tags: only versions with all of these tags count.
    :param poll_interval: seconds between two looks.
    :param deadline: Unix time at which to fire; None waits for ever.
    """

    def __init__(
        self,
        azureml_conn_id: str,
        kind: str,
        asset: str,
        version: str = "",
        newer_than: str = "",
        tags: Mapping[str, str] | None = None,
        poll_interval: float = 30.0,
        deadline: float | None = None,
    ) -> None:
        super().__init__(azureml_conn_id, poll_interval, deadline)
        self.kind = kind
        self.asset = asset
        self.version = version
        self.newer_than = newer_than
        self.tags = dict(tags or {})

    @property
    def name(self) -> str:
        """What is waited for, as messages call it."""
        return f"{self.kind.capitalize()} {self.asset}"

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments."""
        wanted = {"version": self.version, "newer_than": self.newer_than, "tags": self.tags}
        return {**super().arguments(), "kind": self.kind, "asset": self.asset, **wanted}

    def look(self, workspace: Workspace) -> Flow[Seen]:
        """Ask once; raises ServiceError."""
        return seen(workspace, self.kind, self.asset, self.version, self.newer_than, self.tags)


def seen(
    workspace: Workspace, kind: str, name: str, version: str, newer_than: str, tags: Mapping[str, str]
) -> Flow[Seen]:
    """The newest version that is asked for, where there is one; a name that nobody registered yet may come."""
    versions = yield from _versions(workspace, kind, name, version)
    for found in versions:
        is_newer = not newer_than or asset_flows.age(found.version) > asset_flows.age(newer_than)
        if is_newer and tags.items() <= found.tags.items():
            record = {key: asdict(found)[key] for key in ("name", "version", "id", "uri")}
            return Seen(
                f"version {found.version}", has_ended=True, record={**record, "tags": dict(found.tags)}
            )
    return Seen(f"no such version among {len(versions)}" if versions else "not registered yet")


def _versions(workspace: Workspace, kind: str, name: str, version: str) -> Flow[Sequence[Model | Data]]:
    """The one version, or all of them, newest first."""
    if not version:
        listed = asset_flows.list_models if kind == MODEL else asset_flows.list_data
        return (yield from listed(workspace, name))
    one = asset_flows.get_model if kind == MODEL else asset_flows.get_data
    try:
        return [(yield from one(workspace, name, version))]
    except NotFoundError:
        return []
