"""The Helm chart as a whole, as it is installed beside this module."""

from pathlib import Path

from charts import files
from charts.release import Release
from charts.values import Values
from charts.values_files import values_text

HERE = Path(__file__).parent
FOLDER = "metakaito"


def texts(values: Values, release: Release) -> dict[str, str]:  # noqa: ARG001  (all generators are asked alike)
    """
    Return every file of the chart by its path in the chart.

    What follows from the code is written anew, and ``values.yaml`` has the values as defaults.
    """
    found = {
        str(file.relative_to(HERE / FOLDER)): file.read_text(encoding="utf-8")
        for file in sorted((HERE / FOLDER).rglob("*"))
        if file.is_file()
    }
    below = f"{files.CHART}/"
    generated = {
        path.removeprefix(below): text
        for path, text in files.generated().items()
        if path.startswith(below)
    }
    return found | generated | {"values.yaml": values_text(values)}
