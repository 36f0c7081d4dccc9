# SPDX-License-Identifier: Apache-2.0
"""Planes 1 to 4: the assertion, who trusts it, the service principal, the token."""

from __future__ import annotations

import json
import shlex

from airflow_provider_azureml.access.diagnose import diagnose
from airflow_provider_azureml.checks.case import Case
from airflow_provider_azureml.checks.finding import Finding, missing, present, unknown, unused
from airflow_provider_azureml.identity import vouched
from airflow_provider_azureml.identity.assertion import Presented
from airflow_provider_azureml.rest import graph
from airflow_provider_azureml.rest.graph import FederatedCredential, ServicePrincipal


def assertion(case: Case) -> Finding:
    """Plane 1: is a token of the source to be had, and whose is it?"""
    if case.settings.auth not in vouched.USING:
        return unused("assertion", 1, f"auth '{case.settings.auth}' uses none")
    if case.assertion.error:
        text = str(case.assertion.error)
        found = diagnose(text, facts=case.blanks())
        return missing("assertion", 1, text, found.mend if found else "")
    return present("assertion", 1, str(case.assertion.value))


def trust(case: Case) -> Finding:
    """Plane 2: does the application trust that issuer, subject and audience, letter by letter?"""
    if case.settings.auth not in vouched.USING:
        return unused("trust", 2, f"auth '{case.settings.auth}' uses none")
    said = case.assertion.value
    if said is None:
        return unknown("trust", 2, "there is no assertion to compare")
    read = case.examination.see(graph.federated_credentials(case.settings.cloud, case.client_id))
    if read.value is None:
        return unknown("trust", 2, f"the federated credentials cannot be read ({read.problem})")
    if not all(_differences(each, said) for each in read.value):
        return present("trust", 2, "a federated credential matches issuer, subject and audience")
    return missing("trust", 2, _nearest(read.value, said), _add_trust(case.client_id, said))


def _differences(credential: FederatedCredential, said: Presented) -> list[str]:
    """What differs, as `field 'there' is not 'here'`."""
    found = [
        f"{name} '{there}' is not '{here}'"
        for name, there, here in (
            ("issuer", credential.issuer, said.issuer),
            ("subject", credential.subject, said.subject),
        )
        if there != here
    ]
    if not set(said.audiences) & set(credential.audiences):
        found.append(f"audience '{', '.join(credential.audiences)}' is not '{', '.join(said.audiences)}'")
    return found


def _nearest(found: list[FederatedCredential], said: Presented) -> str:
    if not found:
        return "the application has no federated credential"
    pairs = [(each.name, _differences(each, said)) for each in found]
    name, differences = min(pairs, key=lambda pair: len(pair[1]))
    return f"of {len(found)} federated credentials, '{name}' comes nearest: " + "; ".join(differences)


def _add_trust(client_id: str, said: Presented) -> str:
    wanted = {
        "name": "airflow-doctor",
        "issuer": said.issuer,
        "subject": said.subject,
        "audiences": list(said.audiences),
    }
    text = shlex.quote(json.dumps(wanted))
    return f"az ad app federated-credential create --id {client_id} --parameters {text}"


def service_principal(case: Case) -> Finding:
    """Plane 3: does the tenant know the identity, and may it sign in?"""
    if not case.client_id:
        return unknown("service principal", 3, "the connection names no client id, and nobody could sign in")
    read = case.service_principal
    if read.error:
        seen = case.examination.signed_in.value
        if seen:
            return present("service principal", 3, f"it signs in, as object id {seen.object_id}")
        return unknown("service principal", 3, f"the directory does not tell ({read.problem})")
    if read.value is None:
        where = f"tenant {case.settings.tenant_id} knows no service principal of client id {case.client_id}"
        return missing("service principal", 3, where, f"az ad sp create --id {case.client_id}")
    who = read.value
    if not who.enabled:
        return missing("service principal", 3, f"'{who.name}' is disabled", enabling(case, who))
    return present("service principal", 3, f"'{who.name}', object id {who.object_id}")


def enabling(case: Case, who: ServicePrincipal) -> str:
    """The command that lets a service principal sign in again."""
    url = f"{case.settings.cloud.graph}/v1.0/servicePrincipals/{who.object_id}"
    return f"az rest --method patch --url {url} --body {shlex.quote(json.dumps({'accountEnabled': True}))}"


def token(case: Case) -> Finding:
    """Plane 4: does it get a token?"""
    signed_in = case.examination.signed_in
    if signed_in.value:
        who = signed_in.value
        return present(
            "token", 4, f"tenant {who.tenant_id}, application {who.app_id}, object id {who.object_id}"
        )
    text = str(signed_in.error)
    found = diagnose(text, facts=case.blanks())
    mend = found.mend if found else ""
    if found and found.number == 7 and case.examination.has_reader:
        mend = _right_tenant(case) or mend
    return missing("token", 4, text.splitlines()[0], mend)


def _right_tenant(case: Case) -> str:
    """The tenant in which the reader is at home, when that is another one."""
    reader = case.examination.as_reader.value
    if reader is None or reader.tenant_id == case.settings.tenant_id:
        return ""
    return f"Set tenant_id of connection '{case.settings.conn_id}' to {reader.tenant_id}."
