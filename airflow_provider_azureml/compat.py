# SPDX-License-Identifier: Apache-2.0
"""Every difference between Airflow 2.11 and 3.x, so that no other file asks for the version.

Cheap to import at DAG parse: only base classes and exceptions are loaded here, the rest on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

try:  # Airflow 3
    from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator
except ImportError:  # Airflow 2.11
    from airflow.hooks.base import BaseHook
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.baseoperatorlink import BaseOperatorLink
    from airflow.sensors.base import BaseSensorOperator

try:  # Airflow 3.1 and later
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSkipException,
        TaskDeferred,
    )
except ImportError:
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSkipException,
        TaskDeferred,
    )

if TYPE_CHECKING:
    from airflow.sdk import Context
else:
    Context = dict

__all__ = [
    "AirflowException",
    "AirflowFailException",
    "AirflowSkipException",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "Context",
    "TaskDeferred",
    "TriggerEvent",
    "aget_connection",
    "mask_secret",
    "xcom_value",
]


def mask_secret(secret: str) -> None:
    """Keep a secret that was fetched or minted at run time out of every task log."""
    try:
        from airflow.sdk.log import mask_secret as mask
    except ImportError:
        from airflow.utils.log.secrets_masker import mask_secret as mask
    mask(secret)


async def aget_connection(conn_id: str) -> Any:
    """Return an Airflow Connection without blocking the event loop of a triggerer.

    `BaseHook.aget_connection` exists from 3.1 on; before, the lookup runs in a thread.
    """
    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


def xcom_value(ti_key: Any, key: str) -> Any:
    """Return what an operator link finds in XCom, None when there is nothing."""
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:
        from airflow.models.xcom import XCom
    return XCom.get_value(ti_key=ti_key, key=key)
