# SPDX-License-Identifier: Apache-2.0
"""A local Azure that speaks the real wire protocol and really enforces RBAC."""

__version__ = "0.1.0"
