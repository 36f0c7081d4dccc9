# SPDX-License-Identifier: Apache-2.0
"""What Entra itself lets a principal do: application permissions and what it owns, declared against held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from airflow_provider_azureml.access.row import EXTRA, MISSING, OK, UNKNOWN
from airflow_provider_azureml.connection import Cloud
from airflow_provider_azureml.rest.graph import AppRole, Owned, Permissions

_GRAPH = "Microsoft Graph"
"""Its display name, which decides only where its service principal could not be read."""
_KINDS = {"application": "application", "servicePrincipal": "service principal", "group": "group"}
_POWERS = {"group": "an owner may put anybody into it"}
_SECRETS = "an owner may make itself a secret of it"


@dataclass(frozen=True)
class Right:
    """What came of one.

    :param verdict: whether Azure allows it, empty where that is no question.
    :param mend: the command that takes away what nobody declared.
    """

    what: str
    state: str
    verdict: str
    reason: str
    mend: str = ""


@dataclass(frozen=True)
class Holder:
    """Whose rights are compared.

    :param clients: client id by display name in lower case, of the manifest's applications that were found: it
        tells an application from another one that is called the same.
    """

    cloud: Cloud
    object_id: str
    clients: Mapping[str, str] = field(default_factory=dict)

    def permissions(
        self, declared: Sequence[str], held: Sequence[AppRole], known: Permissions | None, problem: str = ""
    ) -> Iterator[Right]:
        """Each declared permission of Graph, then what nobody declared, of Graph and of other applications.

        :param known: Graph's own permissions; None where they could not be read, and `problem` says why.
        """
        names = {each: _name(each, known) for each in held}
        of_graph = {names[each]: each for each in held if _is_of_graph(each, known)}
        for name in declared:
            yield _declared(name, of_graph, known, problem)
        for each in held:
            is_of_graph = _is_of_graph(each, known)
            if is_of_graph and known is None and declared:
                reason = f"one of those declared, or not: Graph's permissions: {problem}"
                yield Right(f"Graph permission {each.role_id}", UNKNOWN, "UNKNOWN", reason)
            elif not is_of_graph:
                what = f"role {each.role_id} of application '{each.resource or each.resource_id}'"
                yield self._undeclared(what, each)
            elif names[each] not in declared:
                yield self._undeclared(f"Graph permission {names[each]}", each)

    def owned(self, declared: Sequence[str], held: Sequence[Owned]) -> Iterator[Right]:
        """Each application that it is to own, then what else it owns that others work with."""
        left = [each for each in held if each.kind in _KINDS]
        own: set[str] = set()
        for name in declared:
            found = next((each for each in left if self._is(each, name)), None)
            if found is None:
                yield Right(f"owner of application '{name}'", MISSING, "", self._absence(name))
                continue
            left.remove(found)
            own.add(found.app_id)
            yield Right(f"owner of application '{name}'", OK, "", f"client id {found.app_id}")
        for other in left:
            # Whoever owns an application needs not own its service principal to sign in as it.
            if other.kind != "servicePrincipal" or other.app_id not in own:
                yield self._unwanted(other)

    def _is(self, each: Owned, name: str) -> bool:
        client = self.clients.get(name.lower(), "").lower()
        is_it = each.app_id == client if client else each.name.lower() == name.lower()
        return each.kind == "application" and is_it

    def _absence(self, name: str) -> str:
        client = self.clients.get(name.lower(), "")
        return "it is no owner of it" + (f" (client id {client})" if client else "")

    def _undeclared(self, what: str, each: AppRole) -> Right:
        url = (
            f"{self.cloud.graph}/v1.0/servicePrincipals/{self.object_id}/appRoleAssignments/"
            f"{each.assignment_id}"
        )
        reason = f"app role assignment {each.assignment_id}"
        return Right(what, EXTRA, "ALLOWED", reason, f"az rest --method DELETE --url {quote(url)}")

    def _unwanted(self, each: Owned) -> Right:
        what = f"owner of {_KINDS[each.kind]} '{each.name or each.object_id}'"
        told = f" (client id {each.app_id})" if each.app_id else ""
        reason = f"{_POWERS.get(each.kind, _SECRETS)}{told}"
        return Right(what, EXTRA, "", reason, self._disowned(each))

    def _disowned(self, each: Owned) -> str:
        if each.kind == "application":
            return f"az ad app owner remove --id {each.object_id} --owner-object-id {self.object_id}"
        if each.kind == "group":
            return f"az ad group owner remove --group {each.object_id} --owner-object-id {self.object_id}"
        path = f"servicePrincipals/{each.object_id}/owners/{self.object_id}/$ref"
        return f"az rest --method DELETE --url {quote(f'{self.cloud.graph}/v1.0/{path}')}"


def _declared(name: str, held: Mapping[str, AppRole], known: Permissions | None, problem: str) -> Right:
    what = f"Graph permission {name}"
    if name in held:
        return Right(what, OK, "ALLOWED", f"app role assignment {held[name].assignment_id}")
    if known is None and held:
        return Right(what, UNKNOWN, "UNKNOWN", f"Graph's permissions: {problem}")
    if known is not None and name not in known.names.values():
        return Right(what, MISSING, "DENIED", "Graph has no application permission of this name")
    # One operation of Graph takes several permissions: another one that it holds may do.
    return Right(what, MISSING, "" if held else "DENIED", "nobody gave it; giving takes an administrator")


def _is_of_graph(each: AppRole, known: Permissions | None) -> bool:
    return each.resource == _GRAPH if known is None else each.resource_id == known.object_id


def _name(each: AppRole, known: Permissions | None) -> str:
    """A permission's name; its GUID where Graph does not tell."""
    return (known.names.get(each.role_id, "") if known else "") or each.role_id
