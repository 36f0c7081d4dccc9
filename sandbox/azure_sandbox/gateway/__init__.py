# SPDX-License-Identifier: Apache-2.0
"""The door: a CONNECT proxy with TLS on loopback, which opens for Azure's host names only."""
