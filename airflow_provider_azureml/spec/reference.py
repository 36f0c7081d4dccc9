# SPDX-License-Identifier: Apache-2.0
"""How a definition names things of the workspace (`azureml:name:version`), as ARM ids."""

from __future__ import annotations

import re

from airflow_provider_azureml.spec.field import Fields

_REGISTRY = re.compile(r"azureml://registries/[^/]+/\w+/[^/]+/(versions|labels)/[^/]+$", re.IGNORECASE)
_ARM = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/.+", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")


def versioned(fields: Fields, name: str, value: str, collection: str, workspace_id: str) -> str:
    """The id of `azureml:name:version` in a collection such as `environments`.

    Ids and registry URIs pass untouched. So do Azure ML's own curated environments
    (`azureml:AzureML-...`): the service expands them (azure-ai-ml does the same).
    """
    if _REGISTRY.match(value) or _ARM.match(value.removeprefix("azureml:")):
        return value.removeprefix("azureml:") if _ARM.match(value.removeprefix("azureml:")) else value
    short = value.removeprefix("azureml:")
    if collection == "environments" and short.startswith("AzureML-"):
        return f"azureml:{short}"
    asset, _, version = short.partition(":")
    if not _NAME.match(asset) or not _NAME.match(version):
        # A label such as @latest would let one definition mean different things on different nights.
        raise fields.error(
            name,
            f"'{value}' names no version.",
            f"Write 'azureml:{asset.partition('@')[0] or 'NAME'}:VERSION', or a registry URI "
            f"'azureml://registries/REGISTRY/{collection}/NAME/versions/VERSION'.",
        )
    return f"{workspace_id}/{collection}/{asset}/versions/{version}"


def compute(fields: Fields, workspace_id: str) -> str | None:
    """The id of `compute`; None, which is serverless compute, when the field is absent."""
    value = fields.text("compute")
    if value is None or _ARM.match(value.removeprefix("azureml:")):
        return value.removeprefix("azureml:") if value else None
    short = value.removeprefix("azureml:")
    if short == "local":
        raise fields.error("compute", "'local' needs Docker beside the client.", "Name a compute target.")
    if not _NAME.match(short):
        raise fields.error(
            "compute", f"'{value}' is no name.", "Write 'azureml:' and the name of a compute target."
        )
    return f"{workspace_id}/computes/{short}"
