# SPDX-License-Identifier: Apache-2.0
"""Sensors: what waits for something that another task, or another system, started."""
