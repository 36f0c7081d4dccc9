# SPDX-License-Identifier: Apache-2.0
"""Job definitions (a dict, or a CLI v2 YAML file) become REST bodies here, without any I/O to Azure."""
