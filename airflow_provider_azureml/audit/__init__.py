# SPDX-License-Identifier: Apache-2.0
"""Who did what in Azure: one event per privileged request, in chained files that only grow."""
