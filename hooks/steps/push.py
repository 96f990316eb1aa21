"""The push step: the newest result as an image in a registry, checked there."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from urllib3.exceptions import HTTPError

from hooks.steps.credentials import load_credentials
from hooks.steps.failures import CannotBe, StepFailed, TryAgain
from hooks.steps.hops import cause_words
from hooks.steps.images import (
    ACCEPT,
    LARGEST_MANIFEST,
    Image,
    Platform,
    digest_of,
    pull_image,
    read_bytes,
    scratch,
    with_layer,
)
from hooks.steps.layer import Hashing, Layer, make_layer
from hooks.steps.patience import Clock, Patience, Say, persistently
from hooks.steps.progress import Progress, size_words
from hooks.steps.references import Reference, parse_reference
from hooks.steps.registry import Repository, Words
from hooks.steps.results import find_result
from hooks.steps.transport import Transport
from hooks.steps.trust import trust
from hooks.steps.uploads import Blob, ensure_blob

SCRATCH = "scratch"
AUTHORITY = "ca.crt"
COMMENT = "metakaito push"
CHUNK = 1 << 20
# The specification wants the second; there are registries that say the others.
TAKEN = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
# As long between two tries as somebody needs to mend a Secret, in the end.
FIRST_WAIT_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 300.0


class Order(NamedTuple):
    """What to push, and where to."""

    results: Path
    image: str
    base: str
    """An image that the layer is laid on, or "scratch"."""
    platform: Platform
    config: Path | None
    """The directory with config.json, and ca.crt if need be; None without any."""
    patience: float
    """Seconds that it is tried again."""
    words: Words = Words()


class Pushed(NamedTuple):
    """An image that a registry has."""

    image: str
    digest: str
    size: int
    """Of all its parts, in bytes."""
    layers: list[dict[str, object]]

    @property
    def reference(self) -> str:
        """The name by which exactly this image can be pulled."""
        return f"{self.image}@{self.digest}"


def push(order: Order, clock: Clock, say: Say) -> Pushed:
    """
    Push the newest finished result.

    Raises:
        CannotBe: A name is none, or the registry can never have such an image.
        StepFailed: There is no result, or the patience is at its end.

    """
    image = parse_reference(order.image)
    if image.digest:
        raise CannotBe(
            f"{order.image!r} has a digest, which what is pushed will tell: leave it out"
        )
    base = None if order.base == SCRATCH else parse_base(order)
    result = find_result(order.results)
    say(f"the result is in {result.folder}")
    patience = Patience(
        order.patience,
        clock,
        say,
        first=FIRST_WAIT_SECONDS,
        longest=LONGEST_WAIT_SECONDS,
        try_at_end=True,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="metakaito-push-") as folder:
            room = Path(folder)
            layer = make_layer(result.files, room / "layer", clock, say)
            say(f"its layer {layer.digest} has {size_words(layer.size)}")
            return persistently(
                lambda: Attempt(order, image, base, layer, room, clock, say).run(), patience
            )
    except OSError as error:
        raise StepFailed(
            f"the push needs room in TMPDIR or /tmp: {error.strerror or error}"
        ) from error


def parse_base(order: Order) -> Reference:
    """
    Return the image that the layer is laid on.

    Raises:
        CannotBe: It is no name of an image.

    """
    try:
        return parse_reference(order.base)
    except CannotBe as refusal:
        raise CannotBe(f"{order.words.base}: {refusal}") from None


class Attempt:
    """One try, with credentials and certificates as they are now, for a Secret may be mended."""

    def __init__(
        self,
        order: Order,
        image: Reference,
        base: Reference | None,
        layer: Layer,
        room: Path,
        clock: Clock,
        say: Say,
    ) -> None:
        self._order = order
        self._image = image
        self._base = base
        self._layer = layer
        self._room = room
        self._clock = clock
        self._say = say

    def run(self) -> Pushed:
        """Return what a registry has now."""
        config = self._order.config
        authority = config / AUTHORITY if config is not None else None
        credentials = load_credentials(config)
        with closing(Transport(trust(authority))) as transport:

            def repository(image: Reference, actions: str, words: Words) -> Repository:
                return Repository(image, transport, credentials, actions, self._clock, words)

            words = self._order.words
            target = repository(self._image, "pull,push", words)
            source = None
            below = scratch(self._order.platform)
            if self._base is not None:
                with of_the_base(words):
                    source = repository(self._base, "pull", words._replace(image="it"))
                    below = pull_image(source, self._order.platform)
            image = with_layer(below, self._layer, COMMENT)
            self._push_blobs(target, source, image)
            return self._push_manifest(target, image)

    def _push_blobs(self, target: Repository, source: Repository | None, image: Image) -> None:
        """Bring every blob to the registry, the layers of the base first."""
        config = self._room / "config"
        config.write_bytes(image.config_bytes)
        layer = Blob(self._layer.digest, self._layer.size, lambda: self._layer.path, "the layer")
        size, digest = len(image.config_bytes), digest_of(image.config_bytes)
        own = [layer, Blob(digest, size, lambda: config, "the configuration")]
        below = self._base_blobs(source, image) if source is not None else []
        for blob, lender in [*((one, source) for one in below), *((one, None) for one in own)]:
            how = ensure_blob(target, blob, lender, self._clock, self._say)
            self._say(f"{blob.what} {blob.digest} ({size_words(blob.size)}) {how}")

    def _base_blobs(self, source: Repository, image: Image) -> list[Blob]:
        """Return the layers below ours."""
        described = [(str(layer["digest"]), int(layer["size"])) for layer in image.layers[:-1]]
        return [
            Blob(digest, size, self._fetching(source, digest, size), "a layer of the base")
            for digest, size in described
        ]

    def _fetching(self, source: Repository, digest: str, size: int) -> Callable[[], Path]:
        """Return what brings a layer of the base into a file, once."""

        def fetching() -> Path:
            with of_the_base(self._order.words):
                return fetched_blob(source, digest, size, self._room, self._clock, self._say)

        return fetching

    def _push_manifest(self, target: Repository, image: Image) -> Pushed:
        """Give the image its name, and read back what has the name now."""
        content = image.manifest_bytes
        digest = digest_of(content)
        what = f"push of {target.image}"
        answer = target.send(
            "PUT",
            target.url(f"manifests/{target.image.version}"),
            {"Content-Type": image.family.manifest},
            lambda: content,
        )
        if answer.status not in TAKEN:
            raise target.refusal(answer, what)
        for told in (
            answer.headers.get("Docker-Content-Digest", digest),
            digest_of(
                read_bytes(target, f"manifests/{target.image.version}", ACCEPT, LARGEST_MANIFEST)
            ),
        ):
            if told != digest:
                raise TryAgain(f"{what}: {digest} was pushed and the registry has {told}")
        sizes = [len(content), len(image.config_bytes), *(int(one["size"]) for one in image.layers)]
        return Pushed(str(target.image), digest, sum(sizes), [*image.layers])


@contextmanager
def of_the_base(words: Words) -> Iterator[None]:
    """
    Say of what fails that it is about the base image, and what names it.

    Raises:
        StepFailed: Something failed; of the same kind.

    """
    about = f"the base image, which is named by {words.base}: "
    try:
        yield
    except TryAgain as failure:
        raise TryAgain(f"{about}{failure}", failure.after) from failure
    except CannotBe as failure:
        raise CannotBe(f"{about}{failure}") from failure
    except StepFailed as failure:
        raise StepFailed(f"{about}{failure}") from failure


def fetched_blob(
    source: Repository, digest: str, size: int, room: Path, clock: Clock, say: Say
) -> Path:
    """
    Return the file with a blob, fetched the first time.

    Raises:
        TryAgain: It cannot be had now, or other bytes came than those of the digest.

    """
    path = room / digest.replace(":", "-")
    if path.exists():
        return path
    what = f"pull of {source.image}"
    progress = Progress(what, size, clock, say)
    part = path.with_suffix(".part")
    response = source.get(f"blobs/{digest}", {}, what)
    try:
        with part.open("wb") as file:
            hashing = Hashing(file)
            while hashing.size <= size and (chunk := response.read1(CHUNK, decode_content=False)):
                hashing.write(chunk)
                progress.at(hashing.size)
    except HTTPError as error:
        raise TryAgain(f"{what}: {cause_words(error)}") from error
    finally:
        response.close()
    if hashing.digest != digest:
        raise TryAgain(f"{what}: {digest} came with the digest {hashing.digest}")
    part.rename(path)
    return path
