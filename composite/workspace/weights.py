"""
How a model's weights come to a container that brings none: a volume, filled before it starts.

Where they are found is what Kaito's images have too, so that a command line needs no word of it.
"""

from composite import desired, names
from composite.catalog import HubWeights, Weights
from composite.workspace.rights import OURS

VOLUME = "weights-volume"


def weights_volumes(weights: Weights | None) -> list[desired.Volume]:
    """Return the volume; none where the image brings the weights."""
    return [] if weights is None else [weights_volume(weights)]


def weights_volume(weights: Weights) -> desired.Volume:
    """Return the volume that has the weights, or room for them."""
    if weights.image is not None:
        image = desired.ImageVolumeSource(reference=weights.image)
        return desired.Volume(name=VOLUME, image=image)
    if weights.claim is not None:
        claim = desired.PersistentVolumeClaimVolumeSource(claimName=weights.claim, readOnly=True)
        return desired.Volume(name=VOLUME, persistentVolumeClaim=claim)
    if weights.hostPath is not None:
        return desired.Volume(
            name=VOLUME, hostPath=desired.HostPathVolumeSource(path=weights.hostPath)
        )
    return desired.Volume(name=VOLUME, emptyDir=desired.EmptyDirVolumeSource())


def weights_mounts(weights: Weights | None) -> list[desired.VolumeMount]:
    """Return where the weights are read."""
    if weights is None:
        return []
    mount = desired.VolumeMount(
        name=VOLUME, mountPath=names.WEIGHTS_PATH, subPath=weights.path, readOnly=True
    )
    return [mount]


def weights_steps(weights: Weights | None, image: str) -> list[desired.Container]:
    """Return what fetches the weights, with the runtime's image; none where a volume has them."""
    if weights is None or weights.huggingFace is None:
        return []
    found = weights.huggingFace
    return [
        desired.Container(
            name=names.WEIGHTS_DOWNLOADER,
            image=image,
            command=["python3", "fetch_weights.py", found.name, f"--revision={found.revision}"],
            env=token(found),
            volumeMounts=[desired.VolumeMount(name=VOLUME, mountPath=names.WEIGHTS_PATH)],
            securityContext=OURS,
            terminationMessagePolicy="FallbackToLogsOnError",
        )
    ]


def token(found: HubWeights) -> list[desired.EnvVar] | None:
    """Return the variable with which the Hub is asked, where a Secret is named."""
    if found.tokenSecret is None:
        return None
    key = desired.SecretKeySelector(name=found.tokenSecret, key=names.HUB_TOKEN, optional=True)
    return [desired.EnvVar(name=names.HUB_TOKEN, valueFrom=desired.EnvVarSource(secretKeyRef=key))]
