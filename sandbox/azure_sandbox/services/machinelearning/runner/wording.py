# SPDX-License-Identifier: Apache-2.0
"""What becomes of a store's refusal: the job error that Azure's data capability reports, and its own log.

Sources: "Troubleshoot data access", azureml-examples#2994 (writing), public reports of failed mounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from azure_sandbox.kernel.ports import Lake
from azure_sandbox.services.machinelearning.computes import KUBERNETES
from azure_sandbox.services.machinelearning.locations import Location
from azure_sandbox.services.machinelearning.records import NO_CREDENTIALS, JobFailure
from azure_sandbox.services.machinelearning.runner.signing import AccessDenied
from azure_sandbox.services.machinelearning.runner.transfer import NotThere, Transfer
from azure_sandbox.services.machinelearning.runner.workplace import Workplace

#: Where the data capability writes what each request met.
DATA_LOG = "system_logs/data_capability/rslex.log"
_READ, _WRITE = "ScriptExecution.StreamAccess", "ScriptExecution.WriteStreams"
_LACKS_ROLE = "AuthorizationPermissionMismatch"


@dataclass(frozen=True)
class Attempt:
    """A move of data: what, where to on the machine, for which session, in which mode."""

    uri: str
    location: Location
    session: str
    local: Path
    mode: str = ""
    writing: bool = False


class Worded:
    """Turns a refusal within its block into a :class:`JobFailure`."""

    def __init__(self, place: Workplace, transfer: Transfer, attempt: Attempt) -> None:
        self._place = place
        self._transfer = transfer
        self._attempt = attempt

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (AccessDenied, NotThere)):
            return
        failure = self._failure(error)
        self._place.log(DATA_LOG).write("\n".join([*self._transfer.refusals, failure.message]))
        raise failure from None

    def _failure(self, error: AccessDenied | NotThere) -> JobFailure:
        if isinstance(error, NotThere) or self._is_hidden(error):
            return self._not_found()
        return self._write_denied(error) if self._attempt.writing else self._read_denied(error)

    def _is_hidden(self, denied: AccessDenied) -> bool:
        """Documented: what an ACL above hides reads as not found, not as an authentication error."""
        where = self._attempt.location
        if self._attempt.writing or denied.code != _LACKS_ROLE or where.credentials.kind != NO_CREDENTIALS:
            return False
        path, principal = where.path.rstrip("/"), self._place.reader.principal
        return self._place.cloud.port(Lake).hides(where.account, where.container, path, principal)

    def _read_denied(self, denied: AccessDenied) -> JobFailure:
        attempt = self._attempt
        verb = "download" if attempt.mode == "download" else "mount"
        on_mount = self._place.reader.compute_type == KUBERNETES
        code = f"{_READ}.Authentication{denied.resolution}"
        return JobFailure(
            f"{'Permission denied on storage mount. ' if on_mount else ''}"
            f"Failed to {verb} URI {attempt.uri} at {verb} point {attempt.local}\n"
            f"Error Code: {code}\n"
            "Native Error: error in streaming from input data sources\n"
            f"\tStreamError(PermissionDenied(Some({self._why(denied)})))\n"
            f"{'=> permission denied when access stream' + chr(10) if on_mount else ''}"
            "Error Message: Authentication failed when trying to access the stream. "
            "Make sure you have correct permissions set up.\n"
            f"Category: UserError\nTarget: {attempt.session}",
            inner=code,
        )

    def _why(self, denied: AccessDenied) -> str:
        attempt = self._attempt
        if not denied.code or denied.resolution:
            return f'AuthenticationError("{denied}")'
        is_role = denied.code == _LACKS_ROLE and attempt.location.credentials.kind == NO_CREDENTIALS
        if is_role and attempt.mode == "download":
            url = f"{attempt.location.blob_url}/{attempt.location.path}"
            return (
                f"Identity authentication failed for 'StreamInfo Read' operation at '{url}'. Please make sure "
                "the identity has the role Storage Blob Data Reader or Storage Blob Data Owner."
            )
        return str(denied)

    def _write_denied(self, denied: AccessDenied) -> JobFailure:
        # The public report has None here, and was a missing role.
        why = "None" if denied.code == _LACKS_ROLE else f"Some({self._why(denied)})"
        code = f"{_WRITE}.Authentication{denied.resolution}"
        return JobFailure(
            f"Failed to upload output to URI {self._attempt.uri}\n"
            f"Error Code: {code}\n"
            "Native Error: An error occur when streaming data to output target.\n"
            f"\tDestinationError(PermissionDenied({why}))\n"
            f"=> Permission denied while trying to write: {why}.\n"
            f"\tPermissionDenied({why})\n"
            "Error Message: Authentication failed when trying to access destination. "
            "Make sure you have correct permissions set up.\n"
            f"Category: UserError\nTarget: {self._attempt.session}",
            inner=code,
        )

    def _not_found(self) -> JobFailure:
        attempt = self._attempt
        code = f"{_WRITE if attempt.writing else _READ}.NotFound"
        return JobFailure(
            f"Failed to {'upload output to' if attempt.writing else 'mount'} URI {attempt.uri}\n"
            f"Error Code: {code}\n"
            "Native Error: error in streaming from input data sources\n"
            "\tStreamError(NotFound)\n=> stream not found\n"
            "Error Message: The requested stream was not found. Please make sure the request uri is correct.\n"
            f"Category: UserError\nTarget: {attempt.session}",
            inner=code,
        )
