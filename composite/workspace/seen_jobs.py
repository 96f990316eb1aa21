"""What the Jobs of a Workspace say, and the configurations they are given."""

from typing import NamedTuple

from composite import names, observed
from composite.metacontroller import SyncRequest, sent_objects
from composite.models import JsonObject
from composite.workspace.api import SeenTraining, Workspace
from composite.workspace.related import named_config, tuning_workspaces

# Where our Jobs say to the pusher what to push.
IMAGE_VARIABLE = "ADAPTER_IMAGE"


class SeenJob(NamedTuple):
    """A Job that trains, or trained; ``image`` is what it pushes, empty for a volume."""

    name: str
    revision: str
    hash: str
    config: str
    image: str
    active: int
    ready: int
    done: bool
    failed: bool
    message: str


class SeenConfig(NamedTuple):
    """A training configuration as somebody wrote it; ``text`` is None where the key is missing."""

    name: str
    text: str | None


def seen_jobs(request: SyncRequest[Workspace]) -> tuple[SeenJob, ...]:
    """Read the Jobs; a Workspace that serves is asked about none, unless it was edited to."""
    jobs = request.children.get(names.JOBS, {})
    if request.parent.tuning is not None:
        jobs = sent_objects(request.children, names.JOBS)
    return tuple(seen_job(jobs[key]) for key in sorted(jobs))


def seen_job(sent: JsonObject) -> SeenJob:
    """Read a Job."""
    job = observed.Job.read(sent)
    failure = job.status.condition("Failed")
    pod = job.spec.template.spec
    variables = [v for container in pod.containers or () for v in container.env or ()]
    configs = [v.configMap.name for v in pod.volumes or () if v.configMap is not None]
    return SeenJob(
        name=job.metadata.name,
        revision=job.metadata.annotations.get(names.ANNOTATION_REVISION, ""),
        hash=job.metadata.annotations.get(names.ANNOTATION_TRAINING_HASH, ""),
        config=next(iter(configs), ""),
        image=next((v.value for v in variables if v.name == IMAGE_VARIABLE), ""),
        active=job.status.active,
        ready=job.status.ready,
        done=job.status.succeeded > 0 or job.status.condition("Complete").status == "True",
        failed=failure.status == "True",
        message=failure.message or failure.reason,
    )


def own_configs(request: SyncRequest[Workspace]) -> tuple[SeenConfig, ...]:
    """Read the configurations that this Workspace's Jobs were given."""
    configs = request.children.get(names.CONFIGMAPS, {})
    if request.parent.tuning is not None:
        configs = sent_objects(request.children, names.CONFIGMAPS)
    return tuple(seen_config(configs[key]) for key in sorted(configs))


def user_config(request: SyncRequest[Workspace]) -> SeenConfig | None:
    """Read the configuration that the user names, or None if none is named or there."""
    name = named_config(request.parent)
    if name is None:
        return None
    sent = sent_objects(request.related, names.CONFIGMAPS)
    found = sent.get(f"{request.parent.metadata.namespace}/{name}")
    return None if found is None else seen_config(found)


def seen_config(sent: JsonObject) -> SeenConfig:
    """Read a ConfigMap with a training configuration."""
    config = observed.ConfigMap.read(sent)
    return SeenConfig(name=config.metadata.name, text=config.data.get(names.TRAINING_CONFIG_FILE))


def seen_trainings(request: SyncRequest[Workspace]) -> dict[str, SeenTraining | None]:
    """Read how far the Workspaces are that tune the adapters; None: that one tunes nothing."""
    wanted = tuning_workspaces(request.parent)
    if not wanted:
        return {}
    sent = sent_objects(request.related, names.WORKSPACES)
    found = (Workspace.read(each) for each in sent.values())
    return {
        other.metadata.name: own_training(other) if other.tuning else None
        for other in found
        if other.metadata.name in wanted
    }


def own_training(other: Workspace) -> SeenTraining:
    """
    Return what a Workspace says of its training, if that is where its author wants the result.

    The image that it names will run in other pods, and a status can be written by whoever was given
    the right to. What is pushed elsewhere by now has no result yet.
    """
    tuning = other.tuning if isinstance(other.tuning, dict) else {}
    output = tuning.get("output")
    wanted = output.get("image") if isinstance(output, dict) else None
    said = other.status.tuning or SeenTraining()
    elsewhere = said.image is not None and repository(said.image) != repository(str(wanted))
    return SeenTraining() if elsewhere else said


def repository(image: str) -> str:
    """Return the name of an image without its tag; what is pushed has one and no digest."""
    return image.rpartition(":")[0]
