# SPDX-License-Identifier: Apache-2.0
"""Runs jobs: environments, data in and out as the run identity, processes, logs."""
