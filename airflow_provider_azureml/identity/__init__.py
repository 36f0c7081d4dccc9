# SPDX-License-Identifier: Apache-2.0
"""Ways to be somebody in Entra: one file per way, one resolver, one output type."""
