"""Laws of the advice on instance types: it says what the rules say, and the cheapest first."""

from collections.abc import Sequence
from datetime import date
from math import inf
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composite.advice import Option, Use, advise, option
from composite.catalog import Catalog, Cloud, GpuNeed, InstanceType, Preset
from composite.models import JsonObject
from composite.prices import Price, PriceTable
from hooks.cli.refusals import planned, problems
from presets import load_catalog

EXAMPLES = settings(max_examples=60, deadline=None)
CATALOGS = {cloud: load_catalog(cloud) for cloud in Cloud}
USES: tuple[Use, ...] = ("inference", "lora", "qlora")
NVIDIA = "nvidia.com/gpu"
NO_PRICES = PriceTable(
    cloud=Cloud.AWS,
    region="here",
    currency="USD",
    date=date(2026, 1, 1),
    source="a test",
    hourly={},
)


class Case(NamedTuple):
    """A preset of a catalog of its own, what is to be done with it, and what nodes cost."""

    preset: Preset
    use: Use
    catalog: Catalog
    table: PriceTable


needs = st.builds(
    GpuNeed,
    count=st.integers(1, 8),
    totalMemoryGi=st.integers(0, 160),
    perGpuMemoryGi=st.sampled_from([0, 0, 15, 24, 41]),
)


@st.composite
def rows(draw: st.DrawFn) -> InstanceType:
    gpus = draw(st.sampled_from([1, 2, 4, 8]))
    memory = draw(st.sampled_from([4, 16, 24, 40, 80])) * gpus + draw(st.integers(0, 3))
    return InstanceType(
        name=draw(st.from_regex(r"[a-z][0-9]{1,2}\.(2|16|)xlarge", fullmatch=True)),
        gpuCount=gpus,
        gpuMemoryGi=memory,
        gpuResource=draw(st.sampled_from([NVIDIA, NVIDIA, NVIDIA, "amd.com/gpu"])),
        source="a test",
    )


amounts = st.integers(1, 99_999).map(lambda mills: mills / 1000)
prices = st.builds(Price, onDemand=amounts, spot=st.none() | amounts)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    use = draw(st.sampled_from(["inference", *USES]))
    if use == "inference" and draw(st.booleans()):
        preset = CATALOGS[Cloud.AWS].presets["llama-2-13b"]
        processes = draw(st.sampled_from([2, 6, 8]))
        need = draw(needs).model_copy(update={"count": processes})
        preset = preset.model_copy(update={"gpu": need, "worldSize": processes})
    else:
        preset = CATALOGS[Cloud.AWS].presets["phi-2"]
        assert preset.tuning is not None
        tuning = preset.tuning.model_copy(update={"gpu": draw(needs)})
        preset = preset.model_copy(update={"gpu": draw(needs), "tuning": tuning})
    found = draw(st.lists(rows(), min_size=1, max_size=6, unique_by=lambda row: row.name))
    priced = draw(st.dictionaries(st.sampled_from([*(row.name for row in found), "other"]), prices))
    table = NO_PRICES.model_copy(update={"hourly": priced})
    return Case(preset, use, catalog_of(preset, found), table)


def catalog_of(preset: Preset, found: Sequence[InstanceType]) -> Catalog:
    types = {row.name: row for row in found}
    return CATALOGS[Cloud.AWS].model_copy(
        update={"presets": {preset.name: preset}, "instance_types": types}
    )


def a_workspace(preset: Preset, use: Use, each: Option, nodes: int) -> JsonObject:
    """Return a Workspace as a user would write it to follow the advice."""
    named: JsonObject = {"name": preset.name}
    if preset.accessMode.value == "private":
        named |= {"accessMode": "private", "presetOptions": {"image": "r.example/mine:1"}}
    half: JsonObject = {"inference": {"preset": named}}
    if use != "inference":
        data = {"urls": ["https://data.example/train.parquet"]}
        output = {"image": "r.example/out:1", "imagePushSecret": "push"}
        half = {"tuning": {"preset": named, "method": use, "input": data, "output": output}}
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "mine"},
        "resource": {
            "instanceType": each.row.name,
            "count": nodes,
            "labelSelector": {"matchLabels": {"apps": "mine"}},
        },
        **half,
    }


def agrees(case: Case, each: Option) -> None:
    """See that a Workspace made after the advice is answered as the advice says."""
    document = a_workspace(case.preset, case.use, each, each.nodes)
    assert problems(document, case.catalog) == list(each.refusals)
    if not each.refusals:
        of_type = [
            note.removeprefix("resource.instanceType: ")
            for note in planned(document, case.catalog).notes
            if note.startswith("resource.instanceType: ")
        ]
        assert of_type == list(each.warnings)


@EXAMPLES
@given(case=cases())
def test_what_is_said_to_fit_is_accepted_and_the_rest_is_refused_in_the_same_words(
    case: Case,
) -> None:
    advice = advise(case.preset, case.use, case.catalog, case.table)

    for each in (*advice.fitting, *advice.others):
        agrees(case, each)
    assert all(each.fits for each in advice.fitting)
    assert not any(each.fits for each in advice.others)


@pytest.mark.parametrize("cloud", Cloud)
@EXAMPLES
@given(data=st.data())
def test_the_same_holds_for_the_tables_that_come_along(cloud: Cloud, data: st.DataObject) -> None:
    catalog = CATALOGS[cloud]
    preset = data.draw(st.sampled_from(list(catalog.presets.values())))
    use = data.draw(st.sampled_from(USES if preset.tuning is not None else USES[:1]))
    row = data.draw(st.sampled_from(list(catalog.instance_types.values())))

    each = option(preset, use, row, catalog, None)

    agrees(Case(preset, use, catalog, NO_PRICES), each)


@EXAMPLES
@given(case=cases())
def test_no_instance_type_is_forgotten_and_none_is_there_twice(case: Case) -> None:
    advice = advise(case.preset, case.use, case.catalog, case.table)

    names = [each.row.name for each in (*advice.fitting, *advice.others)]
    assert sorted(names) == sorted(case.catalog.instance_types)


@EXAMPLES
@given(case=cases())
def test_no_row_is_dearer_than_the_next_and_unknown_prices_come_last(case: Case) -> None:
    fitting = advise(case.preset, case.use, case.catalog, case.table).fitting

    hourly = [inf if each.cost.hourly is None else each.cost.hourly for each in fitting]
    assert hourly == sorted(hourly)
    for each in fitting:
        price = case.table.hourly.get(each.row.name)
        wanted = None if price is None else round(price.onDemand * each.nodes, 6)
        assert each.cost.hourly == wanted


@EXAMPLES
@given(case=cases())
def test_one_node_less_would_not_do(case: Case) -> None:
    for each in advise(case.preset, case.use, case.catalog, case.table).fitting:
        for fewer in range(1, each.nodes):
            assert problems(a_workspace(case.preset, case.use, each, fewer), case.catalog) != []


@EXAMPLES
@given(case=cases(), row=rows(), more=st.integers(0, 100))
def test_a_bigger_gpu_never_needs_more_nodes(case: Case, row: InstanceType, more: int) -> None:
    bigger = row.model_copy(
        update={"name": "bigger", "gpuMemoryGi": row.gpuMemoryGi + more * row.gpuCount}
    )
    catalog = catalog_of(case.preset, [row, bigger])

    small = option(case.preset, case.use, row, catalog, case.table)
    large = option(case.preset, case.use, bigger, catalog, case.table)

    assert large.nodes <= small.nodes or not small.fits
    assert large.fits or not small.fits
