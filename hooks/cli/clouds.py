"""Instance types that are those of another cloud."""

from composite.catalog import Cloud
from presets import load_catalog


def hint_of_cloud(name: str, cloud: Cloud) -> str | None:
    """Say that an instance type is one of another cloud, and how to choose that; None if not."""
    for other in Cloud:
        if other is not cloud and name in load_catalog(other).instance_types:
            known = other.value
            return f"it is one of {known}: --cloud {known} or METAKAITO_CLOUD={known}"
    return None
