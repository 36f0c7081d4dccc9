# SPDX-License-Identifier: Apache-2.0
"""Azure Storage's refusals: code, status and text, and how each endpoint writes them.

The store speaks the DFS endpoint's codes; the Blob endpoint has its own names for some of them.
Source: "Common REST API error codes", "Blob service error codes" and "Azure Data Lake Storage
error codes" of the Azure Storage REST reference.
"""

from __future__ import annotations

import re
import uuid
from typing import Any
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox.kernel.clock import Clock, iso
from azure_sandbox.kernel.errors import REASON_HEADER, AzureError

#: What the newest SDKs of 2026 send; answered where the request names none.
DEFAULT_VERSION = "2025-07-05"

_REFUSALS: dict[str, tuple[int, str]] = {
    "AccountIsDisabled": (403, "The specified account is disabled."),
    "AppendPositionConditionNotMet": (412, "The append position condition specified was not met."),
    "AuthenticationFailed": (
        403,
        "Server failed to authenticate the request. Make sure the value of Authorization header is"
        " formed correctly including the signature.",
    ),
    "AuthorizationFailure": (403, "This request is not authorized to perform this operation."),
    "AuthorizationPermissionMismatch": (
        403,
        "This request is not authorized to perform this operation using this permission.",
    ),
    "AuthorizationProtocolMismatch": (
        403,
        "This request is not authorized to perform this operation using this protocol.",
    ),
    "AuthorizationResourceTypeMismatch": (
        403,
        "This request is not authorized to perform this operation using this resource type.",
    ),
    "AuthorizationServiceMismatch": (
        403,
        "This request is not authorized to perform this operation using this service.",
    ),
    "BlobAlreadyExists": (409, "The specified blob already exists."),
    "BlobNotFound": (404, "The specified blob does not exist."),
    "CannotVerifyCopySource": (404, "The specified resource does not exist."),
    "ConditionNotMet": (412, "The condition specified using HTTP conditional header(s) is not met."),
    "ContainerAlreadyExists": (409, "The specified container already exists."),
    "ContainerNotFound": (404, "The specified container does not exist."),
    "DirectoryIsNotEmpty": (409, "This operation is not permitted on a non-empty directory."),
    "DirectoryNotEmpty": (
        409,
        "The recursive query parameter value must be true to delete a non-empty directory.",
    ),
    "FeatureNotYetSupportedForHierarchicalNamespaceAccounts": (
        409,
        "This feature is not yet supported for hierarchical namespace accounts.",
    ),
    "FilesystemAlreadyExists": (409, "The specified filesystem already exists."),
    "FilesystemNotFound": (404, "The specified filesystem does not exist."),
    "HierarchicalNamespaceNotEnabled": (
        400,
        "The hierarchical namespace is not enabled for this account.",
    ),
    "InvalidAuthenticationInfo": (
        401,
        "Server failed to authenticate the request. Please refer to the information in the"
        " www-authenticate header.",
    ),
    "InvalidBlobType": (409, "The blob type is invalid for this operation."),
    "InvalidBlockId": (
        400,
        "The specified block ID is invalid. The block ID must be Base64-encoded.",
    ),
    "InvalidBlockList": (400, "The specified block list is invalid."),
    "InvalidDestinationPath": (
        409,
        "The specified path, or an element of the path, exists and its resource type is invalid for"
        " this operation.",
    ),
    "InvalidFlushPosition": (
        400,
        "The uploaded data is not contiguous or the position query parameter value is not equal to"
        " the length of the file after appending the uploaded data.",
    ),
    "InvalidHeaderValue": (400, "The value for one of the HTTP headers is not in the correct format."),
    "InvalidInput": (400, "One of the request inputs is not valid."),
    "InvalidQueryParameterValue": (
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    "InvalidRange": (416, "The range specified is invalid for the current size of the resource."),
    "InvalidRenameSourcePath": (
        409,
        "The source directory cannot be the same as the destination directory, nor can the"
        " destination be a subdirectory of the source directory.",
    ),
    "InvalidResourceName": (400, "The specifed resource name contains invalid characters."),
    "InvalidSourceUri": (400, "The source URI is invalid."),
    "InvalidUri": (400, "The request URI is invalid."),
    "InvalidXmlDocument": (400, "XML specified is not syntactically valid."),
    "KeyBasedAuthenticationNotPermitted": (
        403,
        "Key based authentication is not permitted on this storage account.",
    ),
    "MaxBlobSizeConditionNotMet": (412, "The max blob size condition specified was not met."),
    "Md5Mismatch": (
        400,
        "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
    ),
    "MissingRequiredHeader": (400, "An HTTP header that's mandatory for this request is not specified."),
    "MissingRequiredQueryParameter": (
        400,
        "A query parameter that's mandatory for this request is not specified.",
    ),
    "NoAuthenticationInformation": (
        401,
        "Server failed to authenticate the request. Please refer to the information in the"
        " www-authenticate header.",
    ),
    "OutOfRangeInput": (400, "The specified resource name length is not within the permissible limits."),
    "OutOfRangeQueryParameterValue": (
        400,
        "One of the query parameters specified in the request URI is outside the permissible range.",
    ),
    "PathAlreadyExists": (409, "The specified path already exists."),
    "PathConflict": (
        409,
        "The specified path, or an element of the path, exists and its resource type is invalid for"
        " this operation.",
    ),
    "PathNotFound": (404, "The specified path does not exist."),
    "RenameDestinationParentPathNotFound": (
        404,
        "The parent directory of the destination path does not exist.",
    ),
    "RequestBodyTooLarge": (413, "The request body is too large and exceeds the maximum permissible limit."),
    "ResourceNotFound": (404, "The specified resource does not exist."),
    "ResourceTypeMismatch": (
        409,
        "The specified resource type does not match the type of the existing resource.",
    ),
    "SourcePathNotFound": (404, "The source path for a rename operation does not exist."),
    "UnsupportedHttpVerb": (405, "The resource doesn't support specified Http Verb."),
    "UnsupportedQueryParameter": (
        400,
        "One of the query parameters specified in the request URI is not supported.",
    ),
}

_BLOB_NAMES = {
    "DirectoryNotEmpty": "DirectoryIsNotEmpty",
    "FilesystemAlreadyExists": "ContainerAlreadyExists",
    "FilesystemNotFound": "ContainerNotFound",
    "PathAlreadyExists": "BlobAlreadyExists",
    "PathConflict": "ResourceTypeMismatch",
    "PathNotFound": "BlobNotFound",
}


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse(code: str, *, headers: dict[str, str] | None = None, **details: Any) -> AzureError:
    """The refusal that Azure Storage words for a code.

    :param details: further members of the error, for example ``HeaderName``
    """
    status, message = _REFUSALS[code]
    return AzureError(status, code, message, headers=headers, body=details)


def bad_header(name: str, value: str) -> AzureError:
    return refuse("InvalidHeaderValue", HeaderName=name, HeaderValue=value)


def bad_query(name: str, value: str) -> AzureError:
    return refuse("InvalidQueryParameterValue", QueryParameterName=name, QueryParameterValue=value)


def missing_header(name: str) -> AzureError:
    return refuse("MissingRequiredHeader", HeaderName=name)


def request_id(request: Request) -> str:
    """One id for all that is said about a request."""
    return str(request.scope.setdefault("x-ms-request-id", str(uuid.uuid4())))


def common_headers(request: Request) -> dict[str, str]:
    """On every answer of Azure Storage, refusals included."""
    version = request.headers.get("x-ms-version", DEFAULT_VERSION)
    headers = {"x-ms-request-id": request_id(request), "x-ms-version": version}
    client_id = request.headers.get("x-ms-client-request-id")
    if client_id:
        headers["x-ms-client-request-id"] = client_id
    return headers


class Renderer:
    """Writes refusals with the request id and time lines that Azure appends to the message."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def dfs(self, error: AzureError, request: Request) -> Response:
        content = {"error": {"code": error.code, "message": self._message(error, request), **error.body}}
        return JSONResponse(content, error.status, headers=_headers(error, request))

    def blob(self, error: AzureError, request: Request) -> Response:
        error = _in_blob_words(error)
        members = {"Code": error.code, "Message": self._message(error, request), **error.body}
        body = "".join(f"<{name}>{escape(legal_xml(str(value)))}</{name}>" for name, value in members.items())
        content = f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error>{body}</Error>'
        headers = _headers(error, request)
        if error.status == 304:
            return Response(status_code=304, headers=headers)
        return Response(content, error.status, headers, media_type="application/xml")

    def _message(self, error: AzureError, request: Request) -> str:
        # Azure writes seven decimals of a second.
        moment = iso(self._clock.time()).partition("+")[0] + "0Z"
        return f"{error.message}\nRequestId:{request_id(request)}\nTime:{moment}"


def legal_xml(text: str) -> str:
    """The text without what XML 1.0 cannot hold; a refusal may quote what a client sent."""
    return _NOT_XML.sub("\ufffd", text)


def _in_blob_words(error: AzureError) -> AzureError:
    code = _BLOB_NAMES.get(error.code)
    return refuse(code, headers=error.headers, **error.body) if code else error


def _headers(error: AzureError, request: Request) -> dict[str, str]:
    # A refusal may quote what a client sent; a status line holds printable ASCII only.
    reason = re.sub(r"[^ -~]", "?", error.message)
    ours = {"x-ms-error-code": error.code, REASON_HEADER: reason}
    return {**common_headers(request), **ours, **error.headers}
