# SPDX-License-Identifier: Apache-2.0
"""What every service of the sandbox stands on; it knows none of them."""
