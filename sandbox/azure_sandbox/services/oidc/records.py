# SPDX-License-Identifier: Apache-2.0
"""Clusters and their service accounts, as the seed names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceAccount:
    """A Kubernetes service account whose token is projected into a file.

    :param issuer: the cluster's name in ``oidc_issuers``
    :param audience: the projected volume's ``audience``
    """

    issuer: str
    namespace: str
    name: str
    audience: str

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"
