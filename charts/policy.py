"""
Admission without a webhook server: what the hooks refuse, refused when it is written.

Three ValidatingAdmissionPolicies. ``refusals`` and ``notes`` say at once, with an error or a
warning of ``kubectl``, what the hook would say a moment later in the condition ``Accepted``. They
fail open: the hook decides all the same, and a mistake in CEL must lock nobody out. ``limits`` are
an administrator's and nobody else applies them, so they fail closed.

None is asked about status, about what is being deleted, or about an edit that leaves resource,
inference and tuning as they were: labels, annotations and finalizers always pass.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

import json
import re
from collections.abc import Iterable, Mapping

from charts import policy_limits, policy_rules
from charts.policy_cel import Rule, validation
from charts.policy_facts import facts, instance_type_row, preset_row
from charts.policy_limits import Limits
from charts.release import Release
from charts.values import Values
from composite.catalog import Catalog, Cloud
from composite.crd import PLURAL
from composite.models import JsonObject
from composite.names import GROUP, VERSION
from presets import load_catalog

API_VERSION = "admissionregistration.k8s.io/v1"
COMPONENT = "admission"
FIELDS = ("resource", "inference", "tuning")

# What is added to the first part of all names.
SUFFIXES = {
    "refusals": "workspaces",
    "notes": "workspace-notes",
    "limits": "workspace-limits",
}
# The variable with what is looked up, in the policies that look something up.
CATALOG = "catalog"
LOOKING_UP = ("refusals", "notes")
WARN = "Warn"


def documents(values: Values, release: Release) -> list[JsonObject]:
    """Return the policies and their bindings, but for Helm's labels."""
    if not values.admissionPolicy.enabled:
        return []
    specs, known = policy_specs(), variables({CATALOG: written(facts(catalog_of(values)))})
    action, limits = values.admissionPolicy.action, values.admissionPolicy.limits
    found = [
        document
        for key, chosen in zip(LOOKING_UP, (action, WARN), strict=True)
        for document in (
            policy(key, with_variables(specs[key], known), values, release),
            binding(key, chosen, values, release),
        )
    ]
    if limits != Limits():
        spec = with_variables(specs["limits"], variables(policy_limits.chosen(limits)))
        found += [
            policy("limits", spec, values, release),
            binding("limits", action, values, release),
        ]
    return found


def catalog_of(values: Values) -> Catalog:
    """Return the presets and instance types of an installation."""
    catalog = load_catalog(Cloud(values.cloud))
    own = {row.name: row for row in values.presets.instanceTypes}
    return catalog.model_copy(
        update={
            "presets": catalog.presets | values.presets.models,
            "instance_types": catalog.instance_types | own,
        }
    )


def policy_specs() -> dict[str, JsonObject]:
    """Return the ``spec`` of each policy, without the facts that it looks up or the limits."""
    open_, closed = {"failurePolicy": "Ignore"}, {"failurePolicy": "Fail"}
    known, limited = policy_rules.VARIABLES, policy_limits.VARIABLES
    return {
        "refusals": open_ | policy_spec(known, policy_rules.REFUSALS),
        "notes": open_ | policy_spec(known, policy_rules.NOTES),
        "limits": closed | policy_spec(limited, policy_limits.RULES, "Forbidden"),
    }


def policy_spec(
    known: Mapping[str, str], rules: Iterable[Rule], reason: str = "Invalid"
) -> JsonObject:
    """Return what is asked about a Workspace and when."""
    return {
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [GROUP],
                    "apiVersions": [VERSION],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [PLURAL],
                }
            ]
        },
        "matchConditions": [
            {
                "name": "not-being-deleted",
                "expression": "!has(object.metadata.deletionTimestamp)",
            },
            {"name": "what-is-asked-for-is-new", "expression": is_new()},
        ],
        "variables": variables(used(known, rules)),
        "validations": [validation(rule) | {"reason": reason} for rule in rules],
    }


def is_new() -> str:
    """Return CEL for: it is created, or a field changes that the user asks with."""
    kept = " && ".join(
        f"has(object.{field}) == has(oldObject.{field}) && "
        f"(!has(object.{field}) || object.{field} == oldObject.{field})"
        for field in FIELDS
    )
    return f"request.operation == 'CREATE' || !({kept})"


def used(known: Mapping[str, str], rules: Iterable[Rule]) -> dict[str, str]:
    """Return the variables that these rules ask for, and those that these ask for."""
    text = " ".join(f"{rule.wrong} {rule.sentence}" for rule in rules)
    wanted: dict[str, str] = {}
    for name, expression in reversed(list(known.items())):
        if re.search(rf"\bvariables\.{name}\b", text):
            wanted[name] = expression
            text += f" {expression}"
    return dict(reversed(list(wanted.items())))


def variables(expressions: Mapping[str, str]) -> list[JsonObject]:
    """Return expressions as variables of a policy."""
    return [{"name": name, "expression": text} for name, text in expressions.items()]


def with_variables(spec: JsonObject, first: list[JsonObject]) -> JsonObject:
    """Return a policy that knows more: what an installation decides."""
    return spec | {"variables": [*first, *spec["variables"]]}


def written(rows: Mapping[str, str]) -> str:
    """
    Return facts as a CEL map, which is written as Helm writes JSON.

    Not as a parameter of the policy: the API server stops looking at ConfigMaps when the last
    policy with one as its parameter goes, and never looks again (docs/decisions/0014).
    """
    return json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def policy(key: str, spec: JsonObject, values: Values, release: Release) -> JsonObject:
    """Return one policy."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(key, values, release),
        "spec": spec,
    }


def binding(key: str, action: str, values: Values, release: Release) -> JsonObject:
    """Return what puts a policy into force."""
    spec = {"policyName": metadata(key, values, release)["name"], "validationActions": [action]}
    return {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(key, values, release),
        "spec": spec,
    }


def metadata(key: str, values: Values, release: Release) -> JsonObject:
    """Return the metadata of a policy and of its binding."""
    return {
        "name": f"{release.fullname(values)}-{SUFFIXES[key]}",
        "labels": release.labels(values, COMPONENT),
    }


def chart_facts() -> JsonObject:
    """Return what the chart's template needs: the policies, and what each cloud's look up."""
    azure = load_catalog(Cloud.AZURE)
    return {
        "policies": policy_specs(),
        "presets": {name: preset_row(preset) for name, preset in azure.presets.items()},
        "instanceTypes": {
            cloud.value: {
                name: instance_type_row(row)
                for name, row in load_catalog(cloud).instance_types.items()
            }
            for cloud in Cloud
        },
    }
