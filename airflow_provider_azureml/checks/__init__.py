# SPDX-License-Identifier: Apache-2.0
"""One function, one finding: is an identity known where it has to be?"""
