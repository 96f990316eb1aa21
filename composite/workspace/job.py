"""
The Job that tunes a model: fetch the data, train, push the adapter; one after the other.

Each step is a container that starts when the one before ended well, so a training that fails ends
the Job at once, with its exit code and the end of its log, and only a whole result is pushed
(docs/decisions/0009).
Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/workspace/tuning/preset-tuning.go
"""

from composite import desired, names
from composite.models import JsonObject, sorted_json
from composite.workspace.placement import affinity, pod_labels, tolerations
from composite.workspace.plan import Plan
from composite.workspace.rights import OUR_POD, OURS, THEIRS
from composite.workspace.seen_jobs import IMAGE_VARIABLE
from composite.workspace.training import Training
from composite.workspace.weights import weights_mounts, weights_steps, weights_volumes

CONFIG = "config-volume"
RESULTS = "results-volume"
DATA = "data-volume"
CREDENTIALS = "docker-config"

# What `metakaito fetch` reads, in the words of its help.
URLS_VARIABLE = "DATA_URLS"
NETWORKS_VARIABLE = "METAKAITO_FETCH_ALLOW_NETWORKS"

# In the data set's own image, with its shell. Dot files too, and an empty directory is named.
EXTRACT = """\
set -eu
if [ -z "$(ls -A "$SOURCE_PATH")" ]; then
  echo "$SOURCE_PATH of this image is empty"
  exit 1
fi
cp -r "$SOURCE_PATH/." "$DATA_VOLUME_PATH"
ls -la "$DATA_VOLUME_PATH"
"""

# A pod that is lost with its node is started anew, so often and no more: one that the kubelet
# evicts, since it fills the disk, is lost as well and would be again. One that failed is not.
LOST = desired.PodFailurePolicyRule(
    action="Count", onPodConditions=[desired.OnPodCondition(type="DisruptionTarget")]
)
FAILED = desired.PodFailurePolicyRule(
    action="FailJob", onExitCodes=desired.OnExitCodes(operator="NotIn", values=[0])
)
TIMES_LOST = 6


def training_children(plan: Plan) -> list[desired.Object]:
    """Return the configuration and the Job, once it may run; nothing for a model that is served."""
    if plan.training is None:
        return []
    jobs = [job(plan, plan.training)] if plan.workload else []
    return [config_map(plan, plan.training), *jobs]


def config_map(plan: Plan, training: Training) -> desired.ConfigMap:
    """Return the configuration of this training; its name says what it holds."""
    return desired.ConfigMap(
        metadata=desired.ObjectMeta(
            name=training.config_name, namespace=plan.namespace, labels=pod_labels(plan)
        ),
        immutable=True,
        data={names.TRAINING_CONFIG_FILE: training.config_text},
    )


def job(plan: Plan, training: Training) -> desired.Job:
    """Return the Job. It is never changed: another training is another Job."""
    return desired.Job(
        metadata=desired.ObjectMeta(
            name=training.job,
            namespace=plan.namespace,
            labels=pod_labels(plan),
            annotations={
                names.ANNOTATION_REVISION: str(plan.revision.number),
                names.ANNOTATION_TRAINING_HASH: training.hash,
            },
        ),
        spec=desired.JobSpec(
            backoffLimit=TIMES_LOST,
            podFailurePolicy=desired.PodFailurePolicy(rules=[LOST, FAILED]),
            template=desired.PodTemplateSpec(
                metadata=desired.ObjectMeta(labels=pod_labels(plan)), spec=pod(plan, training)
            ),
        ),
    )


def pod(plan: Plan, training: Training) -> desired.PodSpec:
    """Return the steps: all but the last are init containers, which run one after the other."""
    weights = weights_steps(training.weights, training.image)
    steps = [*weights, *fetcher(training), trainer(plan, training), *pusher(training)]
    secrets = [desired.LocalObjectReference(name=name) for name in training.pull_secrets]
    return desired.PodSpec(
        initContainers=steps[:-1] or None,
        containers=steps[-1:],
        imagePullSecrets=secrets or None,
        affinity=affinity(plan),
        tolerations=tolerations(),
        volumes=volumes(training),
        restartPolicy="Never",
        securityContext=OUR_POD,
    )


def fetcher(training: Training) -> list[desired.Container]:
    """Return what brings the data; a volume brings it by itself."""
    source = training.source
    if source.urls:
        networks = {NETWORKS_VARIABLE: ",".join(training.fetch_networks)}
        return [
            step(
                names.DOWNLOADER,
                training.steps_image,
                ["metakaito", "fetch"],
                env={
                    URLS_VARIABLE: " ".join(source.urls),
                    "DATA_VOLUME_PATH": names.DATA_PATH,
                    **(networks if training.fetch_networks else {}),
                },
                mounts={DATA: names.DATA_PATH},
            )
        ]
    if source.image:
        return [
            step(
                names.EXTRACTOR,
                source.image,
                ["sh", "-c", EXTRACT],
                env={"SOURCE_PATH": names.IMAGE_DATA_PATH, "DATA_VOLUME_PATH": names.DATA_PATH},
                mounts={DATA: names.DATA_PATH},
                security=security(training),
            )
        ]
    return []


def security(training: Training) -> desired.SecurityContext:
    """Return what the trainer and the user's data set may do: with our runtime, as little as we."""
    return OURS if training.ours else THEIRS


def trainer(plan: Plan, training: Training) -> desired.Container:
    """Return what trains, called like the Workspace."""
    gpus = {names.GPU: str(training.gpus)}
    trains = step(
        plan.name,
        training.image,
        ["/bin/sh", "-c", training.command],
        env=training.env,
        mounts={
            names.SHARED_MEMORY: names.SHARED_MEMORY_PATH,
            CONFIG: names.CONFIG_PATH,
            RESULTS: training.results_path,
            DATA: names.DATA_PATH,
        },
        security=security(training),
    )
    return trains.model_copy(
        update={
            "volumeMounts": [
                *(
                    mount.model_copy(update={"subPath": training.results_directory})
                    if mount.name == RESULTS
                    else mount
                    for mount in trains.volumeMounts or ()
                ),
                *weights_mounts(training.weights),
            ],
            "ports": [desired.ContainerPort(containerPort=names.PORT)],
            "resources": desired.ResourceRequirements(requests=gpus, limits=gpus),
        }
    )


def pusher(training: Training) -> list[desired.Container]:
    """Return what makes an image of the adapter and pushes it; a volume keeps it by itself."""
    image = training.destination.image
    if not image:
        return []
    return [
        step(
            names.PUSHER,
            training.steps_image,
            ["metakaito", "push"],
            env={
                IMAGE_VARIABLE: image,
                "BASE_IMAGE": training.adapter_base,
                "DOCKER_CONFIG": names.PUSH_CREDENTIALS_PATH,
                "RESULTS_PATH": training.results_path,
            },
            mounts={
                RESULTS: training.results_path,
                CREDENTIALS: names.PUSH_CREDENTIALS_PATH,
            },
        )
    ]


def step(
    name: str,
    image: str,
    command: list[str],
    *,
    mounts: dict[str, str],
    env: dict[str, str] | None = None,
    security: desired.SecurityContext = OURS,
) -> desired.Container:
    """Return one step; where it fails, the end of its log is kept as its message."""
    return desired.Container(
        name=name,
        image=image,
        command=command,
        env=[desired.EnvVar(name=key, value=value) for key, value in (env or {}).items()] or None,
        volumeMounts=[
            desired.VolumeMount(name=volume, mountPath=path) for volume, path in mounts.items()
        ],
        securityContext=security,
        terminationMessagePolicy="FallbackToLogsOnError",
    )


def volumes(training: Training) -> list[desired.Volume | JsonObject]:
    """Return the volumes: the user's for data and results where they are given."""
    memory = desired.EmptyDirVolumeSource(medium="Memory")
    destination = training.destination
    return [
        desired.Volume(name=names.SHARED_MEMORY, emptyDir=memory),
        desired.Volume(
            name=CONFIG, configMap=desired.ConfigMapVolumeSource(name=training.config_name)
        ),
        users_volume(RESULTS, destination.volumeSource),
        users_volume(DATA, training.source.volumeSource),
        *([credentials(destination.imagePushSecret or "")] if destination.image else []),
        *weights_volumes(training.weights),
    ]


def users_volume(name: str, source: JsonObject | None) -> desired.Volume | JsonObject:
    """Return a volume of the user's, or else a directory that goes with the pod."""
    if source:
        return {**sorted_json(source), "name": name}
    return desired.Volume(name=name, emptyDir=desired.EmptyDirVolumeSource())


def credentials(secret: str) -> desired.Volume:
    """
    Return the Secret to push with, as the files that the registry's clients look for.

    The certificate of a registry's own authority may be in it too.
    """
    login = desired.KeyToPath(key=".dockerconfigjson", path="config.json")
    authority = desired.KeyToPath(key="ca.crt", path="ca.crt")
    sources = [
        desired.SecretProjection(name=secret, items=[login]),
        desired.SecretProjection(name=secret, items=[authority], optional=True),
    ]
    shown = [desired.VolumeProjection(secret=source) for source in sources]
    return desired.Volume(name=CREDENTIALS, projected=desired.ProjectedVolumeSource(sources=shown))
