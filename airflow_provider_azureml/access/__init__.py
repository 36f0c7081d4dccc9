# SPDX-License-Identifier: Apache-2.0
"""Who may do what: what a refusal means, and what mends it."""
