"""
Scenarios for the simulation: ``scenarios/`` has one file each, and users can write their own.

Apart from the catalog, for a server that answers webhooks has no use for them.
"""

from pathlib import Path

from composite.simulate.scenario import Scenario
from presets.loading import InvalidPresets, each, parse, read_yaml

__all__ = ["InvalidPresets", "load_scenario", "load_scenarios"]

BUILT_IN = Path(__file__).parent / "scenarios"


def load_scenarios(directory: Path = BUILT_IN) -> dict[str, Scenario]:
    """
    Return the scenarios of a directory by name, sorted.

    Raises:
        InvalidPresets: All the mistakes in all the files.

    """
    found = each(_load_named, sorted(directory.glob("*.yaml")))
    return {scenario.name: scenario for scenario in found}


def load_scenario(file: Path) -> Scenario:
    """
    Return the scenario in one file, of whatever name.

    Raises:
        InvalidPresets: All the mistakes in the file.

    """
    return parse(Scenario, read_yaml(file), file)


def _load_named(file: Path) -> Scenario:
    scenario = load_scenario(file)
    if scenario.name != file.stem:
        wanted = f"so the file must be {scenario.name}.yaml"
        raise InvalidPresets(f"{file}: name: is {scenario.name!r}, {wanted}")
    return scenario
