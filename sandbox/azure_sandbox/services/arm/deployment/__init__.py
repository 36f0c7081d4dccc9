# SPDX-License-Identifier: Apache-2.0
"""Template deployments of Azure Resource Manager."""
