"""Many requests, asked one after the other in several processes, and what became of them."""

import gc
import json
import os
import resource
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.asking import Answer, Hooks, in_process, place_of
from tests.fuzz.laws import breaches
from tests.fuzz.requests import HostileRequest, request_of
from tests.fuzz.seeds import ENDPOINTS, SYNC_MACHINES, SYNC_WORKSPACE, Corpus, load_corpus

BLOCK = 2000
SETTLING = 3  # blocks after which a process should not grow any more
# Of the requests so many are asked once more; and so many in another order of keys.
AGAIN = 20
SHUFFLED = 25
EXAMPLES = 5  # of each breach so many are told by number


@dataclass
class Tally:
    """What is known of a number of requests."""

    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)
    slowest: tuple[float, int, int] = (0.0, 0, 0)  # seconds, number, bytes
    largest: int = 0  # bytes
    resident: dict[int, list[int]] = field(default_factory=dict)  # by process, after each block

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.answers.total()

    def growth(self) -> int | None:
        """Return by how many bytes a process grew after its first blocks, if it had more."""
        grown = [
            each[-1] - max(each[:SETTLING])
            for each in self.resident.values()
            if len(each) > SETTLING
        ]
        return max(grown, default=None)

    def add(self, other: "Tally") -> None:
        """Count another's requests too."""
        self.answers += other.answers
        self.breaches += other.breaches
        for law, numbers in other.examples.items():
            self.examples[law] = sorted([*self.examples.get(law, ()), *numbers])[:EXAMPLES]
        self.slowest = max(self.slowest, other.slowest)
        self.largest = max(self.largest, other.largest)
        for process, sizes in other.resident.items():
            self.resident.setdefault(process, []).extend(sizes)


class Campaign:
    """The requests of one seed, in this process."""

    def __init__(self, seed: int, corpus: Corpus, hooks: Hooks, slow_seconds: float | None) -> None:
        self._seed = seed
        self._corpus = corpus
        self._hooks = hooks
        self._slow_seconds = slow_seconds

    def request(self, number: int) -> HostileRequest:
        """Return a request."""
        return request_of(number, self._seed, self._corpus)

    def tried(self, request: HostileRequest, number: int) -> tuple[Answer, list[str]]:
        """Return the answer to a request, and what is unexpected about it."""
        answer = self._hooks.ask(request)
        provisioner = self.provisioner(request)
        try:
            found = list(breaches(request, answer, provisioner, self._slow_seconds))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            # What is answered has another shape than the laws know, or they are mistaken.
            found = [f"no law can read the answer: {place_of(error)}"]
        if number % AGAIN == 0 and not found:
            again = self._hooks.ask(request)
            if (again.status, again.body) != (answer.status, answer.body):
                found.append("the same request, asked twice, is answered differently")
        if number % SHUFFLED == 0 and not found and request.is_plain:
            found += self.shuffled(request, answer, number)
        return answer, found

    def provisioner(self, request: HostileRequest) -> str:
        """Return what makes nodes for the app that is asked."""
        catalogs = self._corpus.catalogs
        return catalogs.get(request.app, catalogs[min(catalogs)]).provisioning.provisioner.value

    def shuffled(self, request: HostileRequest, answer: Answer, number: int) -> Iterator[str]:
        """Say whether another order of keys gives another answer to a sync."""
        if request.path not in (SYNC_WORKSPACE, SYNC_MACHINES) or answer.status not in (200, 500):
            return
        random = Random(number)  # noqa: S311  (the same each time, and no secret)
        document = reordered(json.loads(request.body), random)
        try:
            body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        except ValueError:  # 1e400, which Python reads and does not write
            return
        other = self._hooks.ask(replace(request, body=body))
        if (other.status, other.body) != (answer.status, answer.body):
            yield "the same request in another order of keys is answered differently"

    def block(self, numbers: range) -> Tally:
        """Ask so many, and count."""
        tally = Tally()
        for number in numbers:
            request = self.request(number)
            answer, found = self.tried(request, number)
            where = request.hook if request.hook in ENDPOINTS else "elsewhere"
            tally.answers[where, answer.status, answer.outcome] += 1
            tally.slowest = max(tally.slowest, (answer.seconds, number, len(request.body)))
            tally.largest = max(tally.largest, len(request.body))
            for law in dict.fromkeys(found):
                tally.breaches[law] += 1
                examples = tally.examples.setdefault(law, [])
                if len(examples) < EXAMPLES:
                    examples.append(number)
        gc.collect()
        tally.resident[os.getpid()] = [resident_bytes()]
        return tally


def reordered(value: Any, random: Random) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Return equal JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: reordered(value[key], random) for key in keys}
    return [reordered(item, random) for item in value] if isinstance(value, list) else value


def resident_bytes() -> int:
    """Return the memory that this process holds; where nobody tells, the most it ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Here:
    """What a process of the pool made once for all of its blocks."""

    campaign: Campaign
    stack = ExitStack()


def _prepare(seed: int, slow_seconds: float | None) -> None:
    corpus = load_corpus()
    hooks = _Here.stack.enter_context(in_process(corpus.catalogs))
    _Here.campaign = Campaign(seed, corpus, hooks, slow_seconds)
    gc.freeze()


def _block(numbers: range) -> Tally:
    return _Here.campaign.block(numbers)


def run(
    requests: int,
    seed: int,
    processes: int,
    slow_seconds: float | None,
    progress: Callable[[Tally], None],
) -> Tally:
    """Ask so many requests in so many processes; ``progress`` is told what is known so far."""
    load_corpus()  # for the processes that are forked
    blocks = [range(at, min(at + BLOCK, requests)) for at in range(0, requests, BLOCK)]
    whole = Tally()
    with ProcessPoolExecutor(
        processes, initializer=_prepare, initargs=(seed, slow_seconds)
    ) as pool:
        for tally in pool.map(_block, blocks):
            whole.add(tally)
            progress(whole)
    return whole
