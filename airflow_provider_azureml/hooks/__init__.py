# SPDX-License-Identifier: Apache-2.0
"""Hooks: where a connection becomes an identity and flows meet the network."""
