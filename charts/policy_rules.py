"""
The rules of :mod:`composite.workspace.rules` that need the catalog or the Workspace's name, in CEL.

What the CRD says already is not said again. What needs other objects (a ConfigMap with a training
configuration, what was accepted last, the tags that were pushed), the nearest name, the names of
all fields of a pod, or what makes the nodes, only the hook can say. The sentences are the hook's;
a test holds one against the other.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from charts.policy_cel import Rule, absent_or, literal, number, repeated, word
from charts.policy_facts import CLOUD, INSTANCE_TYPE, PRESET, TUNABLE
from composite import names
from composite.workspace.annotations import BALANCES, LIKE_ON, ON, RELEASES
from composite.workspace.api import PLACEHOLDER, REPLACE_IT
from composite.workspace.rules import (
    FETCHES_WEIGHTS,
    INPUT_VOLUMES,
    MAX_STATEFULSET_NAME,
    OUTPUT_VOLUMES,
    STEPS,
    UNLISTED_CPU_FAMILY,
    UNLISTED_GPU_FAMILY,
)

_SELECTOR = "resource.labelSelector"
_TEMPLATE = "inference.template.spec"


def _preset(root: str) -> str:
    """Return CEL for the model that a Workspace names, or an empty text."""
    tuned = absent_or("tuning.preset.name", literal(""), root=root)
    return absent_or("inference.preset.name", f"({tuned})", root=root)


# What a Workspace says, in the order in which the rules read it. The API server works each out at
# most once, and only where a rule asks for it.
WRITTEN = {
    "name": absent_or("metadata.name", "''"),
    "tunes": "has(object.tuning)",
    "half": "variables.tunes ? 'tuning' : 'inference'",
    "count": absent_or("resource.count", "1"),
    "type": absent_or("resource.instanceType", "''"),
    "preset": _preset("object"),
    "mode": absent_or(
        "inference.preset.accessMode",
        f"({absent_or('tuning.preset.accessMode', literal('public'))})",
    ),
    "adapters": absent_or("inference.adapters", "[]"),
    "annotations": absent_or("metadata.annotations", "{}"),
    "labels": f"({absent_or(f'{_SELECTOR}.matchLabels', '{}')}).map(k, k) + "
    f"({absent_or(f'{_SELECTOR}.matchExpressions', '[]')}).map(e, e.key)",
    "reserved": literal(sorted(names.RESERVED_LABELS)),
    # An edit of what is on its nodes already: what the catalog says now of model and nodes is no
    # reason to refuse it. Whether it was ever accepted the hook knows.
    "settled": "request.operation == 'UPDATE' && "
    + " && ".join(
        f"variables.{variable} == ({old})"
        for variable, old in (
            ("type", absent_or("resource.instanceType", literal(""), root="oldObject")),
            ("count", absent_or("resource.count", "1", root="oldObject")),
            ("preset", _preset("oldObject")),
        )
    ),
}

# The same for a pod template.
TEMPLATE = {
    "containers": absent_or(f"{_TEMPLATE}.containers", "[]"),
    "allContainers": f"({absent_or(f'{_TEMPLATE}.initContainers', '[]')}) + variables.containers",
    "volumes": absent_or(f"{_TEMPLATE}.volumes", "[]"),
    "sameTemplate": "request.operation == 'UPDATE' && has(oldObject.inference) && "
    "has(oldObject.inference.template) && has(object.inference) && "
    "has(object.inference.template) && "
    "oldObject.inference.template == object.inference.template",
}

# What the catalog says of it; a text is empty and a number 0 where it says nothing.
LOOKED_UP = {
    "presetRow": f"('{PRESET}' + variables.preset) in variables.catalog ? "
    f"variables.catalog['{PRESET}' + variables.preset] : ''",
    "typeRow": f"('{INSTANCE_TYPE}' + variables.type) in variables.catalog ? "
    f"variables.catalog['{INSTANCE_TYPE}' + variables.type] : ''",
    "spelled": f"variables.catalog.filter(k, k.lowerAscii() == ('{INSTANCE_TYPE}' + variables.type)"
    ".lowerAscii())",
    "presetMode": word("variables.presetRow", "accessMode"),
    "needGpus": number("variables.presetRow", "gpus"),
    "gpuWord": "variables.needGpus == 1 ? 'GPU' : 'GPUs'",
    "needGi": number("variables.presetRow", "totalGi"),
    "needGiPerGpu": number("variables.presetRow", "perGpuGi"),
    "processes": number("variables.presetRow", "processes"),
    "tuningGpus": number("variables.presetRow", "tuningGpus"),
    "tuningGiPerGpu": number("variables.presetRow", "tuningPerGpuGi"),
    "typeGpus": number("variables.typeRow", "gpus"),
    "typeGi": number("variables.typeRow", "totalGi"),
    "typeGiPerGpu": "variables.typeGpus == 0 ? 0 : variables.typeGi / variables.typeGpus",
    "moreNodes": "variables.typeGpus * variables.processes >= variables.needGpus && "
    "variables.typeGi * variables.processes >= variables.needGi && "
    "variables.typeGiPerGpu >= variables.needGiPerGpu ? ' or raise resource.count' : ''",
    "resource": word("variables.typeRow", "resource"),
    "device": "variables.typeRow.find('device=.*').substring(7)",
}

_SERVES = "!variables.tunes && variables.presetRow != ''"
_FITS = f"{_SERVES} && variables.typeRow != ''"
_NODES = "{string(variables.count)} x {variables.type}"
_NEW = "!variables.settled && "
_UNLISTED = "variables.typeRow == '' && size(variables.spelled) == 0"


def _family(prefix: str) -> str:
    return f"variables.type.startsWith('{prefix}')"


NAME_RULES = (
    Rule(
        f"variables.tunes && variables.name in {literal(STEPS)}",
        "metadata.name: '{variables.name}' is the name of a step of the training: use another name",
    ),
    Rule(
        f"{_SERVES} && variables.name == {literal(names.WEIGHTS_DOWNLOADER)}",
        f"metadata.name: '{names.WEIGHTS_DOWNLOADER}' {FETCHES_WEIGHTS}",
    ),
    Rule(
        f"size(variables.name) > {MAX_STATEFULSET_NAME} && "
        "(variables.tunes || variables.processes > 0)",
        "metadata.name: '{variables.name}' names a Service and a container too: use lower-case "
        "letters, digits and '-', start with a letter, "
        f"at most {MAX_STATEFULSET_NAME} characters",
    ),
    Rule(
        "variables.labels.all(k, k in variables.reserved)",
        f"{_SELECTOR}: at least one label is needed to find the nodes again, "
        "for example matchLabels: {{apps: my-model}}",
    ),
)

TEMPLATE_RULES = (
    Rule(
        "has(object.inference) && has(object.inference.template) && "
        "size(variables.containers) == 0",
        f"{_TEMPLATE}.containers: at least one container is needed",
    ),
    Rule(
        "!variables.sameTemplate && "
        "variables.allContainers.exists(c, !has(c.image) || c.image == null || c.image == '')",
        f"{_TEMPLATE}: the image of a container is required",
    ),
    *(
        Rule(
            f"variables.allContainers.exists(c, has(c.{part}) && {repeated(f'c.{part}', key)})",
            f"inference.template: two of the {part} of a container have the same {key}, by which "
            "they are told apart: keep one",
        )
        for part, key in (
            ("ports", "containerPort"),
            ("env", "name"),
            ("volumeMounts", "mountPath"),
        )
    ),
    *(
        Rule(
            repeated(f"variables.{variable}", "name"),
            f"{_TEMPLATE}.{part}: two have the same name, by which they are told apart: keep one",
        )
        for part, variable in (("containers", "allContainers"), ("volumes", "volumes"))
    ),
)

PRESET_RULES = (
    Rule(
        "variables.preset != '' && variables.presetRow == ''",
        "{variables.half}.preset.name: no preset is called '{variables.preset}': "
        "use one that 'metakaito presets' lists",
    ),
    Rule(
        "variables.tunes && variables.presetRow != '' && variables.tuningGpus == 0",
        "tuning.preset.name: {variables.preset} cannot be tuned; those that can are "
        f"{{variables.catalog.{TUNABLE}}}",
    ),
    Rule(
        "variables.presetMode == 'private' && variables.mode != 'private' && "
        "(!variables.tunes || variables.tuningGpus > 0)",
        "{variables.half}.preset.accessMode: the image of {variables.preset} is not public: set "
        "private, and presetOptions.image to an image of yours that holds the model",
    ),
)

TYPE_RULES = (
    Rule(
        f"{_NEW}variables.typeRow == '' && size(variables.spelled) > 0",
        "resource.instanceType: is {variables.type}, is spelled "
        f"{{variables.spelled[0].substring({len(INSTANCE_TYPE)})}}",
    ),
    Rule(
        f"{_NEW}{_UNLISTED} && variables.preset != '' && {_family(UNLISTED_CPU_FAMILY)}",
        "resource.instanceType: {variables.type} is of a family without GPUs, and a preset needs "
        "one: choose one that 'metakaito instance-types' lists",
    ),
    Rule(
        f"{_NEW}{_UNLISTED} && !{_family(UNLISTED_CPU_FAMILY)} && !{_family(UNLISTED_GPU_FAMILY)}",
        f"resource.instanceType: no instance type of {{variables.catalog.{CLOUD}}} is called "
        "'{variables.type}': use one that 'metakaito instance-types' lists",
    ),
    Rule(
        f"{_NEW}variables.preset != '' && variables.typeRow != '' && "
        f"variables.resource != '{names.GPU}'",
        "resource.instanceType: {variables.type} has {variables.device}, and the images of the "
        f"presets need {names.GPU}: choose an instance type with NVIDIA GPUs",
    ),
)

FIT_RULES = (
    Rule(
        f"{_NEW}{_FITS} && variables.typeGpus * variables.count < variables.needGpus",
        "resource.instanceType: {variables.preset} needs at least {string(variables.needGpus)} "
        f"GPUs, {_NODES} has {{string(variables.typeGpus * variables.count)}}: "
        "choose a type with more GPUs{variables.moreNodes}",
    ),
    Rule(
        f"{_NEW}{_FITS} && variables.typeGiPerGpu < variables.needGiPerGpu",
        "resource.instanceType: {variables.preset} needs at least "
        "{string(variables.needGiPerGpu)}Gi on each GPU, {variables.type} has "
        "{string(variables.typeGiPerGpu)}Gi: choose a type with larger GPUs",
    ),
    Rule(
        f"{_NEW}{_FITS} && variables.typeGi * variables.count < variables.needGi",
        "resource.instanceType: {variables.preset} needs at least {string(variables.needGi)}Gi "
        f"of GPU memory, {_NODES} has {{string(variables.typeGi * variables.count)}}Gi: "
        "choose a type with more{variables.moreNodes}",
    ),
    Rule(
        "!variables.tunes && variables.processes > 0 && variables.processes % variables.count != 0",
        "resource.count: {variables.preset} runs as {string(variables.processes)} processes, "
        "which {string(variables.count)} nodes cannot share evenly",
    ),
)

ADAPTER_RULES = (
    Rule(
        "size(variables.adapters) > 0 && variables.processes > 0",
        "inference.adapters: the model server of {variables.preset} cannot load adapters: "
        "remove them",
    ),
    Rule(
        "variables.adapters.exists(a, a.source.name == variables.name)",
        "inference.adapters: '{variables.name}' is the name of the Workspace and so of its "
        "container: use another name",
    ),
    Rule(
        f"variables.adapters.exists(a, a.source.name == {literal(names.WEIGHTS_DOWNLOADER)})",
        f"inference.adapters: '{names.WEIGHTS_DOWNLOADER}' {FETCHES_WEIGHTS}",
    ),
)


def volume_rules(half: str, possible: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return the rules for the volume of one half of a training."""
    field = f"tuning.{half}.volumeSource"
    there = " && ".join(f"has(object.{part})" for part in ("tuning", f"tuning.{half}", field))
    # To the type checker it is an object without any field.
    source = f"dyn(object.{field})"
    return (
        Rule(
            f"{there} && (size({source}) != 1 || !{source}.all(k, type({source}[k]) == map))",
            f"{field}: exactly one kind of volume is needed, "
            "for example persistentVolumeClaim: {{claimName: my-data}}",
        ),
        Rule(
            f"{there} && size({source}) == 1 && {source}.all(k, type({source}[k]) == map && "
            f"!(k in {literal(possible)}))",
            f"{field}: cannot be {{{source}.map(k, k)[0]}}: what is there must last longer than a "
            f"pod and a node; use one of {', '.join(possible)}",
        ),
    )


REFUSALS = (
    *NAME_RULES,
    *TEMPLATE_RULES,
    *PRESET_RULES,
    *TYPE_RULES,
    *FIT_RULES,
    *ADAPTER_RULES,
    *volume_rules("input", INPUT_VOLUMES),
    *volume_rules("output", OUTPUT_VOLUMES),
)

_PLACEHOLDER = literal(PLACEHOLDER.pattern)

# What is accepted and still worth a word; kubectl prints it as a warning.
NOTES = (
    Rule(
        f"{_UNLISTED} && {_family(UNLISTED_GPU_FAMILY)}",
        f"resource.instanceType: {{variables.type}} is not in the table of "
        f"{{variables.catalog.{CLOUD}}},"
        " so nothing is known of its GPUs and whether the model fits",
    ),
    Rule(
        f"{_FITS} && variables.processes == 0 && "
        "(variables.typeGpus < variables.needGpus || variables.typeGi < variables.needGi) && "
        # Otherwise it is refused.
        "variables.typeGpus * variables.count >= variables.needGpus && "
        "variables.typeGi * variables.count >= variables.needGi",
        "resource.instanceType: {variables.preset} runs whole on each node and needs "
        "{string(variables.needGpus)} {variables.gpuWord} and {string(variables.needGi)}Gi there, "
        "{variables.type} has {string(variables.typeGpus)} and {string(variables.typeGi)}Gi: "
        "it may not fit",
    ),
    *(
        Rule(
            f"({absent_or(f'tuning.{half}.image', literal(''))}).matches({_PLACEHOLDER})",
            f"tuning.{half}.image: is '{{object.tuning.{half}.image}}', {REPLACE_IT}",
        )
        for half in ("input", "output")
    ),
    Rule(
        f"size({absent_or('tuning.input.urls', '[]')}) > 1",
        "tuning.input.urls: Kaito's trainers read one file of those that are fetched, "
        "metakaito's all",
    ),
    Rule(
        "variables.tuningGpus > 0 && variables.tunes && variables.typeRow != '' && "
        "(variables.typeGiPerGpu < variables.tuningGiPerGpu || "
        "variables.typeGpus < variables.tuningGpus)",
        "resource.instanceType: tuning {variables.preset} takes about "
        "{string(variables.tuningGiPerGpu)}Gi on each of {string(variables.tuningGpus)} GPUs, "
        "{variables.type} has {string(variables.typeGiPerGpu)}Gi on each of "
        "{string(variables.typeGpus)}: it may run out of memory",
    ),
    *(
        Rule(
            f"{there} && '{annotation}' in variables.annotations && "
            f"variables.annotations['{annotation}'] != '{ON}' && "
            f"variables.annotations['{annotation}'].lowerAscii() in {literal(sorted(LIKE_ON))}",
            f"metadata.annotations[{annotation}]: is \"{{variables.annotations['{annotation}']}}\""
            f', and only "{ON}" {what}',
        )
        for annotation, there, what in (
            (
                names.ANNOTATION_ENABLE_LB,
                "has(object.inference) && has(object.inference.preset)",
                BALANCES,
            ),
            (names.ANNOTATION_RELEASE_NODES, "variables.tunes", RELEASES),
        )
    ),
    *(
        Rule(
            f"'{label}' in variables.labels",
            f"{_SELECTOR}: {label} says whom a node serves and is set for you",
        )
        for label in sorted(names.RESERVED_LABELS)
    ),
)

VARIABLES = WRITTEN | TEMPLATE | LOOKED_UP
