# SPDX-License-Identifier: Apache-2.0
"""From a template and its parameters to the resources that it wants, in the order of their making.

Source: "Understand the structure and syntax of ARM templates" (syntax.md), "Define the order for deploying
resources" (resource-dependency.md), "Scope" (scope-extension-resources.md), "Linked and nested templates".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from azure_sandbox.services.arm.deployment.expression import Later, TemplateError, escaped, evaluated
from azure_sandbox.services.arm.deployment.scope import Evaluation, Place, path_of

NESTED = "Microsoft.Resources/deployments"
GROUP = "Microsoft.Resources/resourceGroups"
#: Members of a resource that are the template's own affair.
_OURS = frozenset(
    {"type", "name", "apiversion", "dependson", "condition", "copy", "scope", "comments", "resources"}
    | {"resourcegroup", "subscriptionid", "existing", "metadata"}
)
_MOST_RESOURCES = 800
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "object": (dict,),
    "secureobject": (dict,),
    "array": (list,),
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """A resource that a template wants.

    :param id: full ARM id
    :param names: all that ``dependsOn`` may call it, in lower case
    :param body: what is sent; None while it needs something that is not there yet
    :param source: as the template has it, to be evaluated again when it is there
    :param context: of its expressions
    :param needs: ids, in lower case, of the resources of this template that come first
    :param references: ids of all resources that its expressions read, with their api-versions
    """

    id: str
    kind: str
    name: str
    api_version: str
    names: frozenset[str]
    body: Json | None
    source: Mapping[str, Any] = field(repr=False)
    context: Evaluation = field(repr=False)
    needs: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.id.lower()

    def complete(self, found: Mapping[str, Any]) -> Json:
        """The body, with what its references show.

        :param found: resources by lower-case id or name
        """
        return self.body if self.body is not None else _body(self.source, replace(self.context, found=found))


@dataclass(frozen=True)
class Template:
    """A template with its parameters' values."""

    place: Place
    content: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def evaluation(self) -> Evaluation:
        return Evaluation(self.place, dict(self.parameters), self.content.get("variables") or {})

    def outputs(self, found: Mapping[str, Any]) -> Json:
        """The outputs' types and values; those without a true condition are left out."""
        context, shown = replace(self.evaluation(), found=found), {}
        for name, output in (self.content.get("outputs") or {}).items():
            if evaluated(output.get("condition", True), context):
                value = evaluated(output.get("value"), context)
                shown[name] = {"type": str(output.get("type", "string")).capitalize(), "value": value}
        return shown

    def output_references(self) -> Mapping[str, str]:
        """What the outputs read, by id or name, with the api-version."""
        context = self.evaluation()
        for output in (self.content.get("outputs") or {}).values():
            evaluated(output, context)
        return context.references

    def resources(self) -> list[Planned]:
        """Those that are to be made, each after what it depends on.

        :raises TemplateError: saying what is wrong
        """
        planned = [one for source in self._sources() for one in self._copies(*source)]
        if len(planned) > _MOST_RESOURCES:
            raise TemplateError(f"The number of template resources exceeds the limit of {_MOST_RESOURCES}.")
        _check_unique(planned)
        return _ordered([self._linked(one, planned) for one in planned])

    def _sources(self) -> Iterable[tuple[str, Json]]:
        """Each resource with its symbolic name, children unfolded."""
        given = self.content.get("resources")
        named = given.items() if isinstance(given, dict) else (("", one) for one in given or ())
        for symbol, resource in named:
            if not isinstance(resource, dict):
                raise TemplateError("Every template resource must be an object.")
            yield from _unfolded(symbol, resource)

    def _copies(self, symbol: str, source: Json) -> Iterable[Planned]:
        loop = source.get("copy")
        if loop is None:
            found = self._planned(symbol, source, self.evaluation())
            return [found] if found else []
        count = evaluated(loop.get("count"), self.evaluation())
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST_RESOURCES:
            raise TemplateError("The value of the property 'count' of a copy loop must be a whole number.")
        name = str(loop.get("name"))
        made = (
            self._planned(symbol, source, replace(self.evaluation(), index={name: index}), name)
            for index in range(count)
        )
        return [one for one in made if one]

    def _planned(self, symbol: str, source: Json, context: Evaluation, loop: str = "") -> Planned | None:
        if source.get("existing") or not evaluated(source.get("condition", True), context):
            return None
        kind = str(source.get("type") or "")
        name = evaluated(source.get("name"), context)
        version = evaluated(source.get("apiVersion"), context)
        if not kind or not isinstance(name, str) or not name or isinstance(name, Later):
            raise TemplateError(
                "Every template resource needs 'type' and 'name', known before it is deployed."
            )
        if not isinstance(version, str):
            raise TemplateError(f"The template resource '{name}' needs an 'apiVersion'.")
        identifier = self._identifier(kind, name, source, context)
        context.references.clear()
        body = _body(source, context)
        names = {*self._spellings(identifier, kind, name), symbol, loop} - {""}
        return Planned(
            identifier,
            kind,
            name,
            version,
            frozenset(one.lower() for one in names),
            None if _is_late(body) else body,
            source,
            context,
            references=dict(context.references),
        )

    def _spellings(self, identifier: str, kind: str, name: str) -> set[str]:
        """What ``dependsOn`` and ``reference`` may call a resource."""
        spelled = {identifier, f"{kind}/{name}", name}
        if kind.lower() == GROUP.lower():
            # So subscriptionResourceId() writes it.
            spelled.add(f"{self.place.subscription_scope}/providers/{GROUP}/{name}")
        return spelled

    def _identifier(self, kind: str, name: str, source: Json, context: Evaluation) -> str:
        scope = evaluated(source.get("scope", ""), context) or self.place.scope
        if isinstance(scope, Later):
            raise TemplateError(f"The scope of '{name}' must be known before it is deployed.")
        if not scope.startswith("/"):
            scope = f"{self.place.scope}/providers/{scope}"
        if kind.lower() == GROUP.lower():
            return f"{self.place.subscription_scope}/resourceGroups/{name}"
        if kind.lower() == NESTED.lower():
            scope = self._nested_scope(source, context, scope)
        return f"{scope.rstrip('/')}/providers/{path_of(kind, name.split('/'))}"

    def _nested_scope(self, source: Json, context: Evaluation, scope: str) -> str:
        group = evaluated(source.get("resourceGroup", ""), context)
        subscription = evaluated(source.get("subscriptionId", ""), context)
        above = f"/subscriptions/{subscription}" if subscription else self.place.subscription_scope
        if group:
            return f"{above}/resourceGroups/{group}"
        return above if subscription else scope

    def _linked(self, one: Planned, planned: list[Planned]) -> Planned:
        """With the ids of what it depends on: what it says, and what it reads of this template."""
        asked = evaluated(one.source.get("dependsOn") or [], one.context)
        needs: dict[str, None] = {}
        for name in asked:
            found = _named(str(name), planned)
            if not found and not self._is_skipped(str(name)):
                raise TemplateError(f"The resource '{name}' is not defined in the template.")
            needs.update(dict.fromkeys(other.key for other in found))
        for name in one.references:
            needs.update(dict.fromkeys(other.key for other in _named(name, planned)))
        return replace(one, needs=tuple(key for key in needs if key != one.key))

    def _is_skipped(self, name: str) -> bool:
        """Whether a resource of the template goes by the name, but is not made (condition, existing)."""
        for symbol, source in self._sources():
            context = self.evaluation()
            if "copy" in source:
                if name.lower() == str(source["copy"].get("name")).lower():
                    return True
                continue
            own = evaluated(source.get("name"), context)
            kind = str(source.get("type"))
            identifier = self._identifier(kind, str(own), source, context)
            names = {*self._spellings(identifier, kind, str(own)), symbol} - {""}
            if name.lower() in (one.lower() for one in names):
                return True
        return False


def _unfolded(symbol: str, resource: Json, kind: str = "", name: Any = "") -> Iterable[tuple[str, Json]]:
    """A resource and its children; a child's type and name say only what its parent's do not."""
    own_kind, own_name = str(resource.get("type") or ""), resource.get("name")
    if kind and not own_kind.lower().startswith("microsoft."):
        own_kind, own_name = f"{kind}/{own_kind}", _joined(name, own_name)
    full = {**resource, "type": own_kind, "name": own_name}
    yield symbol, full
    children = resource.get("resources")
    # Of a deployment, they are its template's.
    if isinstance(children, list):
        for child in children:
            yield from _unfolded("", child, own_kind, own_name)


def _joined(parent: Any, child: Any) -> str:
    """Names may be expressions: joined by one."""

    def operand(name: Any) -> str:
        text = str(name)
        is_expression = text.startswith("[") and not text.startswith("[[")
        return text[1:-1] if is_expression else "'" + text.replace("'", "''") + "'"

    return f"[concat({operand(parent)}, '/', {operand(child)})]"


def _body(source: Mapping[str, Any], context: Evaluation) -> Json:
    plain = {name: value for name, value in source.items() if name.lower() not in _OURS}
    if str(source.get("type")).lower() != NESTED.lower():
        found = evaluated(plain, context)
    else:
        found = _nested(plain, context)
    return dict(found)


def _nested(plain: Json, context: Evaluation) -> Json:
    """A nested deployment's template is evaluated here, unless it says that its scope is its own."""
    properties = plain.get("properties") or {}
    options = properties.get("expressionEvaluationOptions") or {}
    around = {name: value for name, value in properties.items() if name != "template"}
    # What was evaluated here is sent to be evaluated once more, there.
    sent = {name: escaped(evaluated(value, context)) for name, value in around.items()}
    template = properties.get("template")
    if str(options.get("scope", "outer")).lower() != "inner":
        template = escaped(evaluated(template, context))
    rest = {name: value for name, value in plain.items() if name != "properties"}
    sent["parameters"] = evaluated(properties.get("parameters") or {}, context)
    return {**evaluated(rest, context), "properties": {**sent, "template": template}}


def _is_late(content: Any) -> bool:
    if isinstance(content, dict):
        return any(_is_late(value) for value in content.values())
    if isinstance(content, list):
        return any(_is_late(item) for item in content)
    return isinstance(content, Later)


def _named(name: str, planned: list[Planned]) -> list[Planned]:
    return [one for one in planned if name.lower() in one.names]


def _check_unique(planned: list[Planned]) -> None:
    seen: set[str] = set()
    for one in planned:
        if one.key in seen:
            raise TemplateError(
                f"The resource '{one.id}' at line '1' and column '1' is defined multiple times in a template."
            )
        seen.add(one.key)


def _ordered(planned: list[Planned]) -> list[Planned]:
    """In the template's order, but each after all that it needs."""
    done: set[str] = set()
    ordered: list[Planned] = []
    waiting = list(planned)
    while waiting:
        ready = next((one for one in waiting if done.issuperset(one.needs)), None)
        if ready is None:
            names = ", ".join(f"'{one.id}'" for one in waiting)
            raise TemplateError(f"Circular dependency detected on resource: {names}.")
        waiting.remove(ready)
        done.add(ready.key)
        ordered.append(ready)
    return ordered


def parameter_values(
    declared: Mapping[str, Any], given: Mapping[str, Any], context: Evaluation
) -> dict[str, Any]:
    """The values of a template's parameters: those given, else their defaults.

    :raises TemplateError: for a parameter too many, one without a value, or a value of another type
    """
    known = {name.lower(): name for name in declared}
    extra = sorted(name for name in given if name.lower() not in known)
    if extra:
        present = ", ".join(declared)
        raise TemplateError(
            f"The following parameters were supplied, but do not correspond to any parameters defined in the "
            f"template: '{', '.join(extra)}'. The parameters defined in the template are: '{present}'."
        )
    supplied = {name.lower(): value for name, value in given.items()}
    for name, declaration in declared.items():
        entry = supplied.get(name.lower())
        if isinstance(entry, dict) and "value" in entry:
            value = entry["value"]
        elif "defaultValue" in declaration:
            value = evaluated(declaration["defaultValue"], context)
        else:
            raise TemplateError(f"The value for the template parameter '{name}' is not provided.")
        context.parameters[name] = _checked(name, declaration, value)
    return context.parameters


def _checked(name: str, declaration: Mapping[str, Any], value: Any) -> Any:
    kind = str(declaration.get("type", "")).lower()
    types = _TYPES.get(kind)
    if types is None:
        raise TemplateError(f"The template parameter '{name}' has no type that is known: '{kind}'.")
    if not isinstance(value, types) or (kind == "int" and isinstance(value, bool)):
        raise TemplateError(
            f"Template parameter JToken type is not valid. Expected '{kind.capitalize()}'. Actual "
            f"'{type(value).__name__.capitalize()}'. The parameter is '{name}'."
        )
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and value not in allowed:
        raise TemplateError(
            f"The provided value for the template parameter '{name}' is not valid. The value '{value}' is not "
            f"part of the allowed value(s): '{','.join(map(str, allowed))}'."
        )
    return value
