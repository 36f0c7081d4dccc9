# SPDX-License-Identifier: Apache-2.0
"""Azure Storage: Data Lake Storage Gen2 and Blob over one store."""

from azure_sandbox.services.storage.service import service

__all__ = ["service"]
