# SPDX-License-Identifier: Apache-2.0
"""Rotation of credentials: pure plans, and the steps that carry them out."""
