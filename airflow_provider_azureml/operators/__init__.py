# SPDX-License-Identifier: Apache-2.0
"""Operators: what a DAG author writes."""
