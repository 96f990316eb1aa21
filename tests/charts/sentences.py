"""What the hook says of a Workspace, as far as a policy can say it too."""

import re

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.refusal import Refusal
from composite.workspace.annotations import annotation_notes
from composite.workspace.api import ParentMeta
from composite.workspace.rules import notes, problems, read_spec
from tests.charts.workspaces import FIELDS

# What a policy cannot say: which names are near, which numbers divide another.
NEAREST = re.compile(
    r"(?<=: use ).* or another(?= that )| \(perhaps [^)]* is meant\)|: use [\d or]+$"
)
# It does not look at these: the shape of a template, amounts, names of fields.
ONLY_THE_HOOK = re.compile(
    r"^inference\.template\..*: (must be an? |.* is not a quantity such as |Kubernetes )"
)
# It says these of a list as a whole, without the index and the item.
OF_A_LIST = (
    (r"^inference\.template\.spec\.\w+\[\d+\]\.(\w+): \d+ items have the (\w+) .*", r"twins \1 \2"),
    (r"^inference\.template\.spec\.(\w+): \d+ items have the (\w+) .*", r"twins \1 \2"),
    (
        r"^inference\.template: two of the (\w+) of a container have the same (\w+),.*",
        r"twins \1 \2",
    ),
    (r"^inference\.template\.spec\.(\w+): two have the same (\w+),.*", r"twins \1 \2"),
    (
        r"^inference\.template\.spec\.\w+\[\d+\]\.image: is required.*",
        "inference.template.spec: the image of a container is required",
    ),
    (r"^inference\.adapters\[\d+\]\.source\.name: ", "inference.adapters: "),
)


def said(sentences: list[str]) -> set[str]:
    """Return sentences as far as a policy can say them."""
    found = set()
    for sentence in sentences:
        if ONLY_THE_HOOK.search(sentence):
            continue
        core = NEAREST.sub(lambda found: "one" if " or another" in found[0] else "", sentence)
        for pattern, words in OF_A_LIST:
            core = re.sub(pattern, words, core)
        found.add(core)
    return found


def hook_says(document: JsonObject, catalog: Catalog) -> set[str]:
    """Return what the hook refuses."""
    try:
        spec = read_spec(asked_for(document))
    except Refusal as refusal:
        return said([str(problem) for problem in refusal.problems])
    name = document["metadata"]["name"]
    return said([str(problem) for problem in problems(name, spec, catalog, None)])


def asked_for(document: JsonObject) -> JsonObject:
    """Return what the user asks with."""
    return {key: value for key, value in document.items() if key in FIELDS}


def hook_notes(document: JsonObject, catalog: Catalog) -> set[str]:
    """Return what the hook accepts with a word."""
    spec, meta = read_spec(asked_for(document)), document["metadata"]
    asked = ParentMeta.model_validate({"namespace": "default", "uid": "0", **meta})
    return said([*notes(spec, catalog), *annotation_notes(asked, spec)])
