# SPDX-License-Identifier: Apache-2.0
"""Template deployments: what they make, in whose name, in which order, and how they fail."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_sandbox.kernel.cloud import stable_guid
from azure_sandbox.testing import Sandbox

ARM = "https://management.azure.com"
SCHEMA = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
ROLES = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
UAMI = "Microsoft.ManagedIdentity/userAssignedIdentities"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
RBAC_ADMINISTRATOR = "Role Based Access Control Administrator"
SEED: dict[str, Any] = {
    "resource_groups": ["ml"],
    "applications": [{"name": name} for name in ("owner", "contributor", "broker", "nobody", "train")],
    "storage_accounts": [{"name": "lake", "resource_group": "ml", "containers": ["raw"]}],
    "role_assignments": [
        {"principal": "owner", "role": "Owner", "scope": "subscription"},
        {"principal": "contributor", "role": "Contributor", "scope": "subscription"},
        {"principal": "broker", "role": RBAC_ADMINISTRATOR, "scope": "subscription"},
    ],
}
TRAIN = stable_guid("service-principal", "train")


@pytest.fixture(scope="module")
def sandbox(serve_module: Callable[..., Sandbox]) -> Sandbox:
    return serve_module(SEED)


def call(sandbox: Sandbox, method: str, path: str, who: str = "owner", **kwargs: Any) -> httpx.Response:
    params = {"api-version": "2022-09-01"}
    url = path if path.startswith("https:") else ARM + path
    return sandbox.http.request(
        method, url, params=None if "api-version" in url else params, headers=sandbox.bearer(who), **kwargs
    )


def where(sandbox: Sandbox, group: str = "") -> str:
    scope = sandbox.cloud.group_scope(group) if group else sandbox.cloud.subscription_scope()
    return f"{scope}/providers/Microsoft.Resources/deployments/{uuid.uuid4()}"


def body(resources: Any, given: dict[str, Any] | None = None, **template: Any) -> dict[str, Any]:
    content = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources, **template}
    values = {name: {"value": value} for name, value in (given or {}).items()}
    properties = {"mode": "Incremental", "template": content, "parameters": values}
    return {"location": "eastus", "properties": properties}


def deploy(
    sandbox: Sandbox, sent: dict[str, Any], who: str = "owner", group: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The deployment as it ended, and its operation."""
    path = where(sandbox, group)
    made = call(sandbox, "PUT", path, who, json=sent)
    assert made.status_code == 201, made.text
    assert made.json()["properties"]["provisioningState"] == "Accepted"
    operation = call(sandbox, "GET", made.headers["Azure-AsyncOperation"]).json()
    return call(sandbox, "GET", path).json()["properties"], operation


def error(answer: httpx.Response) -> tuple[int, str, str]:
    found = answer.json()["error"]
    return answer.status_code, found["code"], found["message"]


def assignment(scope: str, role: str = READER, principal: str = TRAIN, **more: Any) -> dict[str, Any]:
    return {
        "type": ASSIGNMENTS,
        "apiVersion": "2022-04-01",
        "name": str(uuid.uuid4()),
        "scope": scope,
        "properties": {
            "roleDefinitionId": f"[subscriptionResourceId('{ROLES}', '{role}')]",
            "principalId": principal,
            "principalType": "ServicePrincipal",
        },
        **more,
    }


def access_template(group: str) -> dict[str, Any]:
    """What an access manifest comes to: a group, a role, an identity with its trust, and its grant."""
    inner = {
        "$schema": SCHEMA.replace("subscriptionD", "d"),
        "contentVersion": "1.0.0.0",
        "parameters": {"identity": {"type": "string"}, "role": {"type": "string"}},
        "resources": [
            {
                "type": UAMI,
                "apiVersion": "2023-01-31",
                "name": "[parameters('identity')]",
                "location": "[resourceGroup().location]",
                "tags": {"for": "[deployment().name]"},
            },
            {
                "type": f"{UAMI}/federatedIdentityCredentials",
                "apiVersion": "2023-01-31",
                "name": "[concat(parameters('identity'), '/airflow')]",
                "dependsOn": [f"[resourceId('{UAMI}', parameters('identity'))]"],
                "properties": {
                    "issuer": "https://oidc.example.com/",
                    "subject": "[format('system:serviceaccount:{0}:{1}', 'airflow', parameters('identity'))]",
                    "audiences": ["api://AzureADTokenExchange"],
                },
            },
            {
                "type": ASSIGNMENTS,
                "apiVersion": "2022-04-01",
                "name": "[guid(resourceGroup().id, parameters('identity'), parameters('role'))]",
                "dependsOn": [f"[resourceId('{UAMI}', parameters('identity'))]"],
                "properties": {
                    "roleDefinitionId": f"[subscriptionResourceId('{ROLES}', parameters('role'))]",
                    "principalId": f"[reference(resourceId('{UAMI}', parameters('identity')), '2023-01-31').principalId]",
                    "principalType": "ServicePrincipal",
                },
            },
        ],
        "outputs": {
            "clientId": {
                "type": "string",
                "value": f"[reference(resourceId('{UAMI}', parameters('identity'))).clientId]",
            }
        },
    }
    return body(
        [
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2022-09-01",
                "name": "identities",
                "resourceGroup": "[parameters('group')]",
                "dependsOn": [
                    "[subscriptionResourceId('Microsoft.Resources/resourceGroups', parameters('group'))]",
                    f"[subscriptionResourceId('{ROLES}', variables('role'))]",
                ],
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": {"scope": "inner"},
                    "parameters": {
                        "identity": {"value": "[variables('identity')]"},
                        "role": {"value": "[variables('role')]"},
                    },
                    "template": inner,
                },
            },
            {
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2022-09-01",
                "name": "[parameters('group')]",
                "location": "[deployment().location]",
                "properties": {},
            },
            {
                "type": ROLES,
                "apiVersion": "2022-04-01",
                "name": "[variables('role')]",
                "properties": {
                    "roleName": "[concat('Submitter ', parameters('group'))]",
                    "type": "CustomRole",
                    "permissions": [{"actions": ["Microsoft.Resources/subscriptions/resourceGroups/read"]}],
                    "assignableScopes": ["[subscription().id]"],
                },
            },
        ],
        {"group": group},
        parameters={"group": {"type": "string"}},
        variables={
            "identity": "[concat('mi-', parameters('group'))]",
            "role": "[guid(subscription().id, tenant().tenantId, variables('identity'))]",
        },
        outputs={
            "client": {
                "type": "string",
                "value": "[reference(resourceId(parameters('group'), 'Microsoft.Resources/deployments', 'identities')).outputs.clientId.value]",
            }
        },
    )


def test_a_whole_access_template_deploys_into_an_empty_group_and_can_be_repeated(sandbox: Sandbox) -> None:
    group = f"g{uuid.uuid4().hex[:8]}"
    properties, operation = deploy(sandbox, access_template(group))
    assert operation == {"status": "Succeeded"}, operation
    assert properties["provisioningState"] == "Succeeded"
    identity = call(sandbox, "GET", sandbox.cloud.resource_scope(group, UAMI, f"mi-{group}")).json()
    assert properties["outputs"]["client"] == {"type": "String", "value": identity["properties"]["clientId"]}
    credential = call(sandbox, "GET", f"{identity['id']}/federatedIdentityCredentials/airflow").json()
    assert credential["properties"]["subject"] == f"system:serviceaccount:airflow:mi-{group}"
    assert sandbox.cloud.rbac.allowed(
        identity["properties"]["principalId"],
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        sandbox.cloud.group_scope(group),
    )
    kinds = {one["id"].rpartition("/providers/")[2].split("/")[1] for one in properties["outputResources"]}
    assert (
        kinds == {"deployments", "roleDefinitions", "resourceGroups"}
        or len(properties["outputResources"]) == 3
    )
    effects = sandbox.cloud.ledger.effects(kind="role-assignment")
    again, _ = deploy(sandbox, access_template(group))
    assert again["provisioningState"] == "Succeeded"
    assert sandbox.cloud.ledger.effects(kind="role-assignment") == effects
    assert effects[-1].object_id == stable_guid("service-principal", "owner")


def test_a_grant_on_a_container_is_an_extension_of_it(sandbox: Sandbox) -> None:
    account = sandbox.cloud.resource_scope("ml", "Microsoft.Storage/storageAccounts", "lake")
    blobs, container = "blobServices/default", "containers/raw"
    old = {
        **assignment(""),
        "type": "Microsoft.Storage/storageAccounts/blobServices/containers/providers/roleAssignments",
        "name": f"[concat('lake/default/raw/Microsoft.Authorization/', '{uuid.uuid4()}')]",
    }
    del old["scope"]
    new = assignment(
        "[format('Microsoft.Storage/storageAccounts/{0}/blobServices/{1}/containers/{2}', 'lake', 'default', 'raw')]"
    )
    new["properties"]["principalId"] = stable_guid("service-principal", "nobody")
    properties, _ = deploy(sandbox, body([old, new]), group="ml")
    assert properties["provisioningState"] == "Succeeded", properties
    held = sandbox.cloud.rbac.assignments_of(TRAIN)
    assert f"{account}/{blobs}/{container}" in [one.scope for one in held]
    made = [one["id"] for one in properties["outputResources"]]
    assert all(one.startswith(f"{account}/{blobs}/{container}/providers/{ASSIGNMENTS}/") for one in made)
    for one in made:
        call(sandbox, "DELETE", one)


def test_what_may_not_be_made_is_told_before_anything_is(sandbox: Sandbox) -> None:
    group = f"g{uuid.uuid4().hex[:8]}"
    scope = sandbox.cloud.group_scope("ml")
    grant = assignment(scope)
    resources = [
        {
            "type": "Microsoft.Resources/resourceGroups",
            "apiVersion": "2022-09-01",
            "name": group,
            "location": "eastus",
        },
        grant,
    ]
    answer = call(sandbox, "PUT", where(sandbox), "contributor", json=body(resources))
    app, oid = stable_guid("application", "contributor"), stable_guid("service-principal", "contributor")
    assert error(answer) == (
        400,
        "InvalidTemplateDeployment",
        f"The template deployment failed with error: 'Authorization failed for template resource "
        f"'{grant['name']}' of type '{ASSIGNMENTS}'. The client '{app}' with object id '{oid}' does not have "
        f"permission to perform action '{ASSIGNMENTS}/write' at scope "
        f"'{scope}/providers/{ASSIGNMENTS}/{grant['name']}'.'.",
    )
    assert call(sandbox, "GET", sandbox.cloud.group_scope(group)).status_code == 404
    several = call(sandbox, "PUT", where(sandbox), "contributor", json=body([grant, assignment(scope)]))
    assert error(several)[2].startswith("Deployment failed with multiple errors: 'Authorization failed for")


def test_a_deployment_itself_takes_a_right(sandbox: Sandbox) -> None:
    for who, method, path in (("nobody", "PUT", ""), ("broker", "PUT", ""), ("nobody", "POST", "/validate")):
        answer = call(sandbox, method, where(sandbox) + path, who, json=body([]))
        verb = "validate/action" if path else "write"
        assert error(answer)[:2] == (403, "AuthorizationFailed")
        assert f"'Microsoft.Resources/deployments/{verb}'" in error(answer)[2]


def test_a_right_that_shows_itself_missing_late_fails_the_deployment(sandbox: Sandbox) -> None:
    name = f"mi-{uuid.uuid4().hex[:8]}"
    resources = [
        {"type": UAMI, "apiVersion": "2023-01-31", "name": name, "location": "eastus"},
        {
            **assignment(""),
            "scope": sandbox.cloud.group_scope("ml"),
            "properties": {
                "roleDefinitionId": f"[subscriptionResourceId('{ROLES}', '{READER}')]",
                "principalId": f"[reference('{name}').principalId]",
            },
        },
        {
            "type": f"{UAMI}/federatedIdentityCredentials",
            "apiVersion": "2023-01-31",
            "name": f"{name}/after",
            "dependsOn": [name],
            "properties": {"issuer": "https://i", "subject": "s", "audiences": ["a"]},
        },
    ]
    properties, operation = deploy(sandbox, body(resources), "contributor", "ml")
    assert properties["provisioningState"] == operation["status"] == "Failed"
    assert operation["error"] == properties["error"]
    failure = properties["error"]
    assert failure["code"] == "DeploymentFailed"
    assert failure["message"].startswith("At least one resource deployment operation failed.")
    (detail,) = failure["details"]
    assert detail["code"] == "Forbidden"
    assert json.loads(detail["message"])["error"]["code"] == "AuthorizationFailed"
    # What did not need it was made all the same: deployments are no transactions.
    assert len(properties["outputResources"]) == 2


def test_what_depends_on_a_failure_is_not_tried(sandbox: Sandbox) -> None:
    scope = sandbox.cloud.group_scope("ml")
    bad = assignment(scope, role=str(uuid.uuid4()))
    after = assignment(
        scope,
        principal=stable_guid("service-principal", "nobody"),
        dependsOn=[f"[extensionResourceId('{scope}', '{ASSIGNMENTS}', '{bad['name']}')]"],
    )
    path = where(sandbox)
    call(sandbox, "PUT", path, json=body([after, bad]))
    steps = call(sandbox, "GET", f"{path}/operations").json()["value"]
    (step,) = [one["properties"] for one in steps]
    assert step["targetResource"]["resourceName"] == bad["name"]
    assert (step["provisioningState"], step["statusCode"]) == ("Failed", "BadRequest")
    assert step["statusMessage"]["error"]["code"] == "RoleDefinitionDoesNotExist"
    shown = call(sandbox, "GET", path).json()["properties"]
    assert shown["dependencies"][0]["dependsOn"][0]["id"].endswith(bad["name"])


def test_a_failure_within_a_deployment_is_wrapped(sandbox: Sandbox) -> None:
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "resourceGroup": "ml",
        "properties": {
            "mode": "Incremental",
            "template": body([assignment(sandbox.cloud.group_scope("ml"), role="[parameters('role')]")])[
                "properties"
            ]["template"],
        },
    }
    role = str(uuid.uuid4())
    text = json.dumps(nested).replace("'[parameters('role')]'", "parameters('role')")
    sent = body([json.loads(text)], {"role": role}, parameters={"role": {"type": "string"}})
    properties, _ = deploy(sandbox, sent)
    (detail,) = properties["error"]["details"]
    wrapped = json.loads(detail["message"])["error"]
    assert (detail["code"], wrapped["code"]) == ("Conflict", "ResourceDeploymentFailure")
    (inner,) = wrapped["details"]
    assert inner["code"] == "DeploymentFailed"
    assert role in inner["details"][0]["message"]


def test_validation_makes_nothing(sandbox: Sandbox) -> None:
    group = f"g{uuid.uuid4().hex[:8]}"
    path = where(sandbox)
    answer = call(sandbox, "POST", f"{path}/validate", json=access_template(group))
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    assert len(answer.json()["properties"]["validatedResources"]) == 3
    assert call(sandbox, "GET", sandbox.cloud.group_scope(group)).status_code == 404
    assert error(call(sandbox, "GET", path))[:2] == (404, "DeploymentNotFound")


def test_deployments_are_listed_and_forgotten(sandbox: Sandbox) -> None:
    path = where(sandbox, "ml")
    assert call(sandbox, "HEAD", path).status_code == 404
    assert call(sandbox, "PUT", path, json=body([])).status_code == 201
    assert call(sandbox, "PUT", path, json=body([])).status_code == 200
    assert call(sandbox, "HEAD", path).status_code == 204
    for listing in (path.rpartition("/")[0], path.rpartition("/")[0] + "/"):
        assert path in [one["id"] for one in call(sandbox, "GET", listing).json()["value"]]
    assert call(sandbox, "DELETE", path).status_code == 200
    assert call(sandbox, "DELETE", path).status_code == 204


def test_secrets_among_the_parameters_are_not_shown(sandbox: Sandbox) -> None:
    declared = {"a": {"type": "securestring"}, "b": {"type": "int"}}
    properties, _ = deploy(sandbox, body([], {"a": "hidden", "b": 7}, parameters=declared))
    assert properties["parameters"] == {"a": {"type": "Securestring"}, "b": {"type": "Int", "value": 7}}


def test_a_loop_makes_one_of_each_and_conditions_leave_out(sandbox: Sandbox) -> None:
    groups = [
        {
            "type": "Microsoft.Resources/resourceGroups",
            "apiVersion": "2022-09-01",
            "name": "[concat('loop-', parameters('names')[copyIndex()])]",
            "location": "eastus",
            "tags": {"n": "[string(copyIndex(1))]"},
            "copy": {"name": "groups", "count": "[length(parameters('names'))]"},
        },
        {
            "type": "Microsoft.Resources/resourceGroups",
            "apiVersion": "2022-09-01",
            "name": "left-out",
            "condition": "[equals(length(parameters('names')), 7)]",
            "location": "eastus",
        },
        {
            "type": "Microsoft.Resources/resourceGroups",
            "apiVersion": "2022-09-01",
            "name": "loop-last",
            "location": "eastus",
            "dependsOn": ["groups", "left-out"],
        },
    ]
    sent = body(groups, {"names": ["a", "b"]}, parameters={"names": {"type": "array"}})
    properties, _ = deploy(sandbox, sent)
    made = [one["id"].rpartition("/")[2] for one in properties["outputResources"]]
    assert made == ["loop-a", "loop-b", "loop-last"]
    assert call(sandbox, "GET", sandbox.cloud.group_scope("loop-b")).json()["tags"] == {"n": "2"}


RESOURCE = {
    "type": "Microsoft.Resources/resourceGroups",
    "apiVersion": "2022-09-01",
    "name": "x",
    "location": "eastus",
}


@pytest.mark.parametrize(
    "resources, template, given, why",
    [
        (
            [{**RESOURCE, "dependsOn": ["ghost"]}],
            {},
            {},
            "The resource 'ghost' is not defined in the template",
        ),
        ([RESOURCE, RESOURCE], {}, {}, "defined multiple times"),
        ([{**RESOURCE, "name": "[parameters('p')]"}], {}, {}, "template parameter 'p' is not found"),
        ([{**RESOURCE, "name": "[variables('v')]"}], {}, {}, "template variable 'v' is not found"),
        (
            [{**RESOURCE, "name": "[variables('v')]"}],
            {"variables": {"v": "[variables('v')]"}},
            {},
            "defined by itself",
        ),
        ([{**RESOURCE, "name": "[frob('v')]"}], {}, {}, "template function 'frob' is not valid"),
        ([{**RESOURCE, "name": "[concat('a']"}], {}, {}, "language expression"),
        ([{**RESOURCE, "type": UAMI, "name": "a/b"}], {}, {}, "incorrect segment lengths"),
        ([{**RESOURCE, "name": None}], {}, {}, "needs 'type' and 'name'"),
        ([{**RESOURCE, "apiVersion": None}], {}, {}, "needs an 'apiVersion'"),
        (
            [{**RESOURCE, "name": "a", "dependsOn": ["b"]}, {**RESOURCE, "name": "b", "dependsOn": ["a"]}],
            {},
            {},
            "Circular dependency",
        ),
        (
            [],
            {"parameters": {"p": {"type": "string"}}},
            {},
            "value for the template parameter 'p' is not provided",
        ),
        ([], {}, {"p": 1}, "do not correspond to any parameters"),
        ([], {"parameters": {"p": {"type": "string"}}}, {"p": 1}, "Expected 'String'"),
        ([], {"parameters": {"p": {"type": "string", "allowedValues": ["a"]}}}, {"p": "b"}, "allowed value"),
        (["x"], {}, {}, "must be an object"),
        ([], {"outputs": "x"}, {}, "'outputs' must be an object"),
        ([], {"outputs": {"a": 1}}, {}, "'outputs' must be an object"),
        ([], {"variables": ["x"]}, {}, "'variables' must be an object"),
        ([{**RESOURCE, "name": "[resourceGroup().name]"}], {}, {}, "'resourceGroup' is not expected"),
        ([{**RESOURCE, "name": "[reference('x').name]"}], {}, {}, "known before it is deployed"),
    ],
)
def test_a_template_that_does_not_hold_together_is_refused(
    sandbox: Sandbox, resources: Any, template: dict[str, Any], given: dict[str, Any], why: str
) -> None:
    answer = call(sandbox, "PUT", where(sandbox), json=body(resources, given, **template))
    status, code, message = error(answer)
    assert (status, code) == (400, "InvalidTemplate"), message
    assert message.startswith("Deployment template validation failed: '")
    assert status == httpx.codes.BAD_REQUEST
    assert __import__("re").search(why, message), message


@pytest.mark.parametrize(
    "change, code",
    [
        ({"mode": "Complete"}, "InvalidDeploymentMode"),
        ({"mode": None}, "InvalidDeploymentMode"),
        ({"template": None}, "InvalidTemplate"),
        ({"templateLink": {"uri": "https://x"}}, "InvalidTemplate"),
    ],
)
def test_what_this_sandbox_does_not_deploy_is_said(
    sandbox: Sandbox, change: dict[str, Any], code: str
) -> None:
    sent = body([])
    sent["properties"].update(change)
    assert error(call(sandbox, "PUT", where(sandbox), json=sent))[:2] == (400, code)


RELAXED = """{"location": "eastus", "properties": {"mode": "Incremental", "parameters": {}, template:{
  // az deployment sends the file as it is, under a bare name
  "$schema": "https://schema", "contentVersion": "1.0.0.0", /* and
  so on */
  "variables": {'text': "two
lines, // no comment",},
  resources: [],
  "outputs": {"text": {"type": "string", "value": "[variables('text')]"}, "url": {type: "string", "value": "http://x"}},
}}}"""


def test_a_template_may_be_written_more_freely_than_json(sandbox: Sandbox) -> None:
    path = where(sandbox)
    made = call(sandbox, "PUT", path, content=RELAXED.encode())
    assert made.status_code == 201, made.text
    outputs = call(sandbox, "GET", path).json()["properties"]["outputs"]
    assert {name: one["value"] for name, one in outputs.items()} == {
        "text": "two\nlines, // no comment",
        "url": "http://x",
    }


@pytest.mark.parametrize("content", [b"{", b"{template}", b"\xff", b"{'a': }", b"[]", b'{"a": NaN}'])
def test_what_is_no_document_at_all_is_refused(sandbox: Sandbox, content: bytes) -> None:
    answer = call(sandbox, "PUT", where(sandbox), content=content)
    assert error(answer)[:2] == (400, "InvalidRequestContent")


def test_in_a_subscription_a_location_is_asked_for_and_names_are_checked(sandbox: Sandbox) -> None:
    sent = {**body([]), "location": None}
    assert error(call(sandbox, "PUT", where(sandbox), json=sent))[:2] == (400, "LocationRequired")
    assert call(sandbox, "PUT", where(sandbox, "ml"), json=sent).status_code == 201
    bad = f"{where(sandbox).rpartition('/')[0]}/a%20b"
    assert error(call(sandbox, "PUT", bad, json=body([])))[:2] == (400, "InvalidDeploymentName")


def test_an_unknown_type_fails_its_own_resource(sandbox: Sandbox) -> None:
    unknown = {"type": "Microsoft.Web/sites", "apiVersion": "2022-09-01", "name": "x"}
    properties, _ = deploy(sandbox, body([unknown]), group="ml")
    (detail,) = properties["error"]["details"]
    assert (detail["code"], "cannot deploy" in detail["message"]) == ("NotFound", True)


def test_deployments_do_not_nest_forever(sandbox: Sandbox) -> None:
    resources: list[Any] = []
    for _ in range(8):
        inner = body(resources)["properties"]
        resources = [
            {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2022-09-01",
                "name": "d",
                "location": "eastus",
                "properties": {**inner, "expressionEvaluationOptions": {"scope": "inner"}},
            }
        ]
    properties, _ = deploy(sandbox, body(resources))
    assert "nested deeper than" in json.dumps(properties["error"])
