"""What ``metakaito dev`` does with its options."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from composite.simulate import MetacontrollerCrash, selectors
from composite.simulate.errors import ApiError, InvalidError
from hooks import logs
from hooks.cli.errors import Failed, Refused
from hooks.dev.api import Api, NoClusterError
from hooks.dev.probes import Probes
from hooks.dev.program import Options, Program
from hooks.dev.recording import Recording
from hooks.settings import parse_address

LOGGER = logging.getLogger("metakaito.dev")

# Each kind that is watched holds a connection: about twenty for our controllers.
WATCHES = 32


class Wanted(NamedTuple):
    """The options."""

    kubeconfig: Path | None
    context: str | None
    server_side_apply: bool
    field_manager: str
    labels: str
    workers: int
    record: Path | None
    probes: str | None


def play(wanted: Wanted, output: str) -> None:
    """
    Play Metacontroller until a signal comes.

    Raises:
        Failed: There is no cluster, or an answer would crash Metacontroller.
        Refused: An option cannot be used.

    """
    try:
        labels = selectors.parse_selector(wanted.labels)
    except InvalidError as error:
        raise Refused(f"--target-label-selector: {error}") from None
    try:
        recording = Recording(wanted.record) if wanted.record is not None else None
    except OSError as error:
        raise Failed(f"--record {wanted.record}: {error.strerror}") from None
    options = Options(
        server_side_apply=wanted.server_side_apply,
        field_manager=wanted.field_manager,
        target_labels=labels,
        workers=wanted.workers,
        recording=recording,
    )
    with lines(output):
        api = connected(wanted)
        program = Program(api, options)
        with signals(program), probes_at(wanted.probes, program):
            LOGGER.info("playing Metacontroller on %s", api.server)
            try:
                program.run()
            except MetacontrollerCrash as crash:
                raise Failed(f"Metacontroller would crash: {crash}") from None


@contextmanager
def lines(output: str) -> Iterator[None]:
    """Write lines of the form that was asked for."""
    json = output == "json"
    handler = logging.StreamHandler(sys.stdout if json else sys.stderr)
    handler.setFormatter(logs.JsonLines() if json else logs.TextLines())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


@contextmanager
def signals(program: Program) -> Iterator[None]:
    """End the program, instead of this process, at the signals that mean it."""
    usual = {
        number: signal.signal(number, lambda *_: program.end())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def connected(wanted: Wanted) -> Api:
    """
    Return a connection that works.

    Raises:
        Failed: There is none.

    """
    try:
        api = Api(wanted.kubeconfig, wanted.context, WATCHES + wanted.workers)
        api.send("GET", "/api")
    except NoClusterError as error:
        raise Failed(str(error)) from None
    except ApiError as error:
        raise Failed(f"the cluster does not answer: {error}") from None
    return api


@contextmanager
def probes_at(address: str | None, program: Program) -> Iterator[None]:
    """
    Answer probes, if an address for them was given.

    Raises:
        Failed: It cannot listen.
        Refused: That is no address.

    """
    if address is None:
        yield
        return
    try:
        place = parse_address(address)
    except ValueError as error:
        raise Refused(f"--health-probe-bind-address: {error}") from None
    try:
        probes = Probes(place, lambda: program.is_ready)
    except OSError as error:
        raise Failed(f"--health-probe-bind-address {address}: {error.strerror}") from None
    probes.start()
    try:
        yield
    finally:
        probes.stop()
