"""``metakaito advise``: what fits, what it costs, and every way in which it says no."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from composite.catalog import Cloud
from presets import load_catalog
from tests.cli.conftest import Golden, Run, completed

MINE = """\
cloud: aws
region: eu-west-1
currency: EUR
date: {date}
source: our contract
hourly:
  g5.12xlarge: {{ onDemand: 6, spot: 2.5 }}
  g6.12xlarge: {{ onDemand: 7 }}
  p4d.24xlarge: {{ onDemand: 24, spot: 9 }}
"""
ROOT = Path(__file__).parents[2]
NEW, LONG_AGO = "2999-01-01", "2020-01-01"

WORKSPACE = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata: {{ name: mine }}
resource:
  instanceType: {instance_type}
  count: {nodes}
  labelSelector: {{ matchLabels: {{ apps: mine }} }}
inference:
  preset:
    name: {preset}
    accessMode: private
    presetOptions: {{ image: registry.example/mine:1 }}
"""


@pytest.fixture
def prices(folder: Path) -> Path:
    """Prices of another region, in the working directory."""
    file = folder / "mine.yaml"
    file.write_text(MINE.format(date=NEW), encoding="utf-8")
    return file


def above_the_date(page: str) -> str:
    """Return a page less what it says of the age of the prices, which is another every day."""
    return page.partition("Prices: ")[0]


def answer(run: Run, *arguments: str) -> Any:  # noqa: ANN401  (JSON)
    return json.loads(run("advise", *arguments, "-o", "json").out)


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["instanceType"] for row in rows]


PAGES = {
    "advise-falcon-40b-aws.txt": ("falcon-40b", "--cloud", "aws"),
    "advise-phi-3-azure.txt": ("phi-3-mini-4k-instruct", "--cloud", "azure"),
    "advise-llama-2-70b-aws.txt": ("llama-2-70b", "--cloud", "aws"),
    "advise-tuning-falcon-40b-azure.txt": ("falcon-40b", "--tuning", "qlora", "--all"),
}


@pytest.mark.parametrize(("name", "arguments"), PAGES.items(), ids=PAGES)
def test_shows_where_it_fits_cheapest_first(
    run: Run, golden: Golden, name: str, arguments: tuple[str, ...]
) -> None:
    result = run("advise", *arguments)

    assert (result.code, result.err) == (0, "")
    golden(name, above_the_date(result.out))


def test_says_of_which_day_and_from_where_the_prices_are(run: Run) -> None:
    lines = run("advise", "phi-2", "--cloud", "aws").out.splitlines()
    (prices,) = [line for line in lines if line.startswith("Prices: ")]

    assert prices.startswith("Prices: aws us-east-1, on demand, in USD, of 2026-07-20 (")
    assert prices.endswith(" days ago); a month has 730 hours.")
    assert lines[-1].startswith("Source: https://github.com/aws/karpenter-provider-aws/blob/")


@pytest.mark.parametrize(("date", "old"), [(NEW, False), (LONG_AGO, True)], ids=["new", "old"])
def test_old_prices_are_marked(run: Run, prices: Path, date: str, *, old: bool) -> None:
    prices.write_text(MINE.format(date=date), encoding="utf-8")

    page = run("advise", "phi-2", "--cloud", "aws", "--prices", "mine.yaml").out
    found = answer(run, "phi-2", "--cloud", "aws", "--prices", "mine.yaml")

    marked = (
        "THEY ARE OLD: more than 180 days, and may have changed. --prices takes a file of yours.\n"
    )
    assert (marked in page, found["prices"]["old"]) == (old, old)


def test_json_and_yaml_have_every_instance_type(run: Run) -> None:
    found = answer(run, "falcon-40b", "--cloud", "aws")

    assert yaml.safe_load(run("advise", "falcon-40b", "--cloud", "aws", "-o", "yaml").out) == found
    assert found["fitting"][0] == {
        "instanceType": "g6.12xlarge",
        "nodes": 1,
        "gpusPerNode": 4,
        "gpuModel": "NVIDIA L4",
        "budget": {
            "gpus": {"needed": 2, "available": 4, "spare": 2},
            "memoryGi": {"needed": 90, "available": 96, "spare": 6},
            "perGpuMemoryGi": {"needed": 0, "available": 24, "spare": 24},
        },
        "hourly": 4.6016,
        "monthly": 3359.168,
        "spotHourly": None,
        "spotMonthly": None,
        "note": None,
        "refusals": [],
        "warnings": [],
    }
    assert found["others"][0]["refusals"] == [
        {
            "field": "resource.instanceType",
            "message": "falcon-40b needs at least 90Gi of GPU memory, 1 x g4dn.12xlarge has 64Gi: "
            "choose a type with more",
        }
    ]
    assert sorted(names([*found["fitting"], *found["others"]])) == sorted(aws_types())


def aws_types() -> list[str]:
    return list(load_catalog(Cloud.AWS).instance_types)


def test_all_shows_every_instance_type(run: Run) -> None:
    page = run("advise", "falcon-40b", "--cloud", "aws", "--all").out

    assert {name for name in aws_types() if f"\n{name} " not in page} == set()
    assert "Not shown: " not in page


# --- the same verdict as that of render -----------------------------------------------------------


@pytest.mark.parametrize("preset", ["falcon-40b", "llama-2-70b"])
def test_render_accepts_what_is_advised_and_refuses_the_rest_in_the_same_words(
    run: Run, preset: str
) -> None:
    found = answer(run, preset, "--cloud", "aws")

    for row in (*found["fitting"][:2], *found["others"][:2]):
        text = WORKSPACE.format(
            instance_type=row["instanceType"], nodes=row["nodes"], preset=preset
        )
        result = run("render", "-", "--cloud", "aws", stdin=text)

        refused = [f"-: mine: {each['field']}: {each['message']}" for each in row["refusals"]]
        assert (result.code, result.err.splitlines()) == (2 if refused else 0, refused)


def test_render_warns_of_a_training_in_the_words_of_the_advice(run: Run) -> None:
    found = answer(run, "phi-3-mini-128k-instruct", "--tuning", "qlora")
    text = Path("tuning.yaml").read_text(encoding="utf-8")

    row = found["others"][0]
    result = run("render", "-", stdin=text.replace("Standard_NC24ads_A100_v4", row["instanceType"]))

    assert result.code == 0
    assert [
        line for line in result.err.splitlines() if "warning: resource.instanceType: " in line
    ] == [
        f"-: workspace-tuning-phi-3: warning: resource.instanceType: {warning}"
        for warning in row["warnings"]
    ]


# --- what it may cost -----------------------------------------------------------------------------


def test_what_is_too_dear_is_left_out_and_that_is_said(run: Run) -> None:
    result = run("advise", "falcon-40b", "--cloud", "aws", "--max-price", "6")
    found = answer(run, "falcon-40b", "--cloud", "aws", "--max-price", "6")

    assert result.code == 0
    assert "Left out, since dearer than 6 USD per hour: 12.\n" in result.out
    assert names(found["fitting"]) == ["g6.12xlarge", "g5.12xlarge"]
    assert len(found["dearer"]) == 12


def test_the_price_is_that_of_all_nodes(run: Run) -> None:
    found = answer(run, "llama-2-70b", "--cloud", "aws", "--max-price", "6.5")

    assert [(row["instanceType"], row["nodes"], row["hourly"]) for row in found["fitting"]] == [
        ("g6.xlarge", 8, 6.4384)
    ]


def test_a_price_that_is_unknown_comes_last_and_is_no_price_to_promise(run: Run) -> None:
    arguments = ("phi-2", "--cloud", "aws")
    every = answer(run, *arguments)["fitting"]
    limited = run("advise", *arguments, "--max-price", "1000")

    assert [(row["instanceType"], row["hourly"], row["monthly"]) for row in every[-2:]] == [
        ("g3s.8xlarge", None, None),
        ("g3s.16xlarge", None, None),
    ]
    assert "unknown    unknown" in run("advise", *arguments, "--all").out
    assert "Left out, since their price is unknown: 2.\n" in limited.out
    assert "g3s.8xlarge" not in limited.out


def test_where_nothing_is_cheap_enough_the_cheapest_is_named(run: Run) -> None:
    result = run("advise", "falcon-40b", "--cloud", "aws", "--max-price", "3")

    assert (result.code, result.err) == (
        2,
        (
            "metakaito advise: falcon-40b fits on nothing of aws us-east-1 for at most 3 USD per "
            "hour: 1 x g6.12xlarge is the cheapest, for 4.602\n"
        ),
    )
    assert "g4dn.12xlarge" in result.out


def test_where_only_unknown_prices_are_left_that_is_said(run: Run, prices: Path) -> None:
    text = prices.read_text(encoding="utf-8").partition("hourly:")[0] + "hourly: {}\n"
    prices.write_text(text, encoding="utf-8")

    result = run(
        *("advise", "phi-2", "--cloud", "aws", "--prices", "mine.yaml", "--max-price", "9")
    )

    assert (result.code, result.err) == (
        2,
        (
            "metakaito advise: phi-2 fits only on instance types whose price in aws eu-west-1 is "
            "unknown; without --max-price they are shown\n"
        ),
    )


def test_where_it_fits_nowhere_that_is_said(run: Run) -> None:
    models = Path("own/models")
    models.mkdir(parents=True)
    text = yaml.safe_dump(
        {**load_catalog().presets["phi-2"].model_dump(mode="json", exclude_none=True)}
        | {"name": "huge", "gpu": {"count": 1, "totalMemoryGi": 9999, "perGpuMemoryGi": 0}}
    )
    (models / "huge.yaml").write_text(text, encoding="utf-8")

    result = run("advise", "huge", "--presets", "own")

    assert (result.code, result.err) == (
        2,
        "metakaito advise: huge fits on no instance type of azure\n",
    )
    assert "huge needs at least 9999Gi of GPU memory, 1 x Standard_ND96amsr_A100_v4" in result.out


# --- prices of the user ---------------------------------------------------------------------------


def test_prices_in_a_file_of_the_user(run: Run, golden: Golden, prices: Path) -> None:
    result = run("advise", "falcon-40b", "--cloud", "aws", "--prices", str(prices))

    assert (result.code, result.err) == (0, "")
    assert result.out.endswith(
        "Prices: aws eu-west-1, on demand, in EUR, of 2999-01-01 (0 days ago); a month has 730 "
        "hours.\nSource: our contract\n"
    )
    golden("advise-own-prices.txt", result.out)


def test_prices_in_the_folder_of_presets(run: Run, prices: Path) -> None:
    place = Path("own/prices/aws/eu-west-1.yaml")
    place.parent.mkdir(parents=True)
    prices.rename(place)

    found = answer(
        *(run, "falcon-40b", "--cloud", "aws", "--region", "eu-west-1", "--presets", "own")
    )

    assert found["prices"]["region"] == "eu-west-1"
    assert (names(found["fitting"])[0], found["fitting"][0]["spotMonthly"]) == (
        "g5.12xlarge",
        1825.0,
    )


def test_a_price_of_no_instance_type_is_warned_of(run: Run, prices: Path) -> None:
    text = prices.read_text(encoding="utf-8").replace("g5.12xlarge", "g5.12xlrge")
    prices.write_text(text, encoding="utf-8")

    result = run("advise", "falcon-40b", "--cloud", "aws", "--prices", "mine.yaml")

    assert result.code == 0
    assert result.err.startswith(
        "mine.yaml: warning: hourly: no instance type of aws is called 'g5.12xlrge': "
        "use g5.12xlarge or another "
    )


# --- mistakes -------------------------------------------------------------------------------------

MISTAKES = {
    "no such preset": (
        ("falcon-40",),
        2,
        (
            "metakaito advise: no preset is called 'falcon-40': use falcon-40b, "
            "falcon-40b-instruct or another that 'metakaito presets' lists\n"
        ),
    ),
    "a preset that cannot be tuned": (
        ("llama-2-7b", "--tuning", "lora"),
        2,
        (
            "metakaito advise: llama-2-7b cannot be tuned; those that can are falcon-40b, "
            "falcon-7b, mistral-7b, phi-2, phi-3-medium-128k-instruct, phi-3-medium-4k-instruct, "
            "phi-3-mini-128k-instruct, phi-3-mini-4k-instruct, tiny-phi-3-test\n"
        ),
    ),
    "a region of few": (
        ("phi-2", "--cloud", "aws", "--region", "eu-west-1"),
        2,
        (
            "--region: no prices of aws 'eu-west-1' are known; there are us-east-1, us-gov-east-1, "
            "us-gov-west-1; --prices takes a file of yours\n"
        ),
    ),
    "a region of many": (
        ("phi-2", "--region", "swedencenter"),
        2,
        (
            "--region: no prices of azure 'swedencenter' are known; the nearest are swedencentral; "
            "--prices takes a file of yours\n"
        ),
    ),
    "prices of another cloud": (
        ("phi-2", "--prices", "mine.yaml"),
        2,
        (
            "--prices: mine.yaml has those of the cloud aws, and not of azure: --cloud aws asks "
            "for them\n"
        ),
    ),
    "prices of another region": (
        ("phi-2", "--cloud", "aws", "--prices", "mine.yaml", "--region", "us-east-1"),
        2,
        (
            "--prices: mine.yaml has those of the region eu-west-1, and not of us-east-1: "
            "--region eu-west-1 asks for them\n"
        ),
    ),
    "prices that are not there": (
        ("phi-2", "--prices", "nowhere.yaml"),
        1,
        "nowhere.yaml: cannot be read: No such file or directory\n",
    ),
    "prices that are none": (
        ("phi-2", "--prices", "phi.yaml"),
        1,
        "phi.yaml: cloud: is missing\n",
    ),
    **{
        f"a price that is {price}": (
            ("phi-2", "--max-price", price),
            2,
            (
                f"metakaito advise: Invalid value for '--max-price': {price!r} is no number above "
                "0: say what all nodes together may cost an hour, in the currency of the prices, "
                "such as --max-price 12.50. See 'metakaito advise --help'.\n"
            ),
        )
        for price in ("cheap", "$10", "0", "-3", "nan", "inf")
    },
}


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(("arguments", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_is_wrong(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = run("advise", *arguments)

    assert result.code == code
    assert result.err.startswith(said)


# --- around it ------------------------------------------------------------------------------------


def test_nothing_of_prices_is_loaded_where_nobody_asks_for_them() -> None:
    prices = "{'composite.prices', 'presets.price_tables'}"
    code = (
        f"import sys, hooks.app, hooks.cli.rendering; print(sorted({prices} & sys.modules.keys()))"
    )

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("advise phi-3-mini-4", "plain,phi-3-mini-4k-instruct\n"),
        ("advise phi-2 --region swedenc", "plain,swedencentral\n"),
        ("advise phi-2 --cloud aws --region us-gov-e", "plain,us-gov-east-1\n"),
        ("advise phi-2 --presets nowhere --region eastus", "\n"),
    ],
)
def test_completes(words: str, offered: str) -> None:
    assert completed(words) == offered


def test_the_example_in_the_document_is_a_table_of_prices(run: Run) -> None:
    text = (ROOT / "docs/advise.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    Path("contract.yaml").write_text(example, encoding="utf-8")

    result = run("advise", "falcon-40b", "--cloud", "aws", "--prices", "contract.yaml")

    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("Source: our contract, annex 2\n")
