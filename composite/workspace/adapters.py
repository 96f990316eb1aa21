"""
Adapters that another Workspace tunes: which image each comes from.

Once a revision was accepted its adapters stay what they were then: another training of the same
Workspace restarts no model.
"""

from collections.abc import Iterator

from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from composite.workspace.api import Adapter, Inference, SeenTraining
from composite.workspace.observe import Seen


def with_images(
    inference: Inference,
    namespace: str,
    seen: Seen,
    before: JsonObject | None,
    served: dict[tuple[str, str], str],
) -> Inference:
    """
    Return what to serve with an image for every adapter.

    Args:
        inference: Its adapters may name Workspaces.
        namespace: Where those are.
        seen: How far they are.
        before: What the same was resolved to when it was accepted, if it is what was accepted last.
        served: Images that are served, by adapter and Workspace: an edit of something else goes
            on with them while that Workspace has no result.

    Raises:
        Refusal: A Workspace that is named is not there, tunes nothing, or is not done yet.

    """
    known = (before or {}).get("adapters")
    images: dict[str, str] = known if isinstance(known, dict) else {}
    problems = [
        problem
        for index, adapter in enumerate(inference.adapters or ())
        if adapter.source.name not in images
        and (adapter.source.name, adapter.source.workspace) not in served
        for problem in workspace_problems(index, adapter, namespace, seen)
    ]
    if problems:
        raise Refusal(*problems)
    found = tuple(with_image(adapter, images, served, seen) for adapter in inference.adapters or ())
    return inference.model_copy(update={"adapters": found or None})


def with_image(
    adapter: Adapter, images: dict[str, str], served: dict[tuple[str, str], str], seen: Seen
) -> Adapter:
    """Return an adapter with its image."""
    source = adapter.source
    if source.workspace is None:
        return adapter
    training = seen.trainings.get(source.workspace)
    is_done = training is not None and training.phase == "Succeeded"
    result = exact_image(training) if training is not None and is_done else None
    image = images.get(source.name) or result or served.get((source.name, source.workspace))
    return adapter.model_copy(update={"source": source.model_copy(update={"image": image})})


def exact_image(training: SeenTraining) -> str | None:
    """Return what a training has pushed, by its digest where that is known: a tag moves."""
    exact = training.image and training.digest
    return f"{training.image}@{training.digest}" if exact else training.image


def resolved_images(inference: Inference) -> dict[str, str]:
    """Return the images of those adapters that name a Workspace, for the revision to keep."""
    return {
        adapter.source.name: adapter.source.image or ""
        for adapter in inference.adapters or ()
        if adapter.source.workspace is not None
    }


def workspace_problems(
    index: int, adapter: Adapter, namespace: str, seen: Seen
) -> Iterator[Problem]:
    """Say why an adapter cannot be had from its Workspace, or not yet."""
    name = adapter.source.workspace
    if name is None:
        return
    field = f"inference.adapters[{index}].source.workspace"
    if name not in seen.trainings:
        yield Problem(
            field=field, message=f"there is no Workspace {name!r} in namespace {namespace!r}"
        )
        return
    training = seen.trainings[name]
    if training is None:
        yield Problem(field=field, message=f"Workspace {name!r} tunes no model")
    elif training.phase == "Failed":
        yield Problem(
            field=field,
            message=f"the training of Workspace {name!r} has failed: this goes on by itself when "
            "another has succeeded",
        )
    elif training.phase != "Succeeded":
        # Not how far it is: each step would be another status to write.
        yield Problem(
            field=field,
            message=f"Workspace {name!r} has no result yet: this goes on by itself when its "
            "training has succeeded",
        )
    elif not training.image:
        yield Problem(
            field=field,
            message=f"Workspace {name!r} writes its result to a volume: let it push an image",
        )
