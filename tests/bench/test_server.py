"""What the part about the server reckons, and how its load takes answers apart."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.bench.load import (
    Broken,
    Client,
    Told,
    as_fast_as_it_goes,
    is_whole,
    paced,
    percentile,
    request,
)
from tests.bench.nothing import nothing
from tests.bench.questions import MACHINES, WORKSPACES, Question
from tests.bench.server_tables import Memory, growth, tail

ANSWER = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\nabcd"


class Echo(NamedTuple):
    """A server that gives one answer to everything, and what it was asked."""

    client: Client
    asked: list[bytes]


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Two connections to it."""
    pairs = [socket.socketpair() for _ in range(2)]
    asked: list[bytes] = []

    def answer(sock: socket.socket) -> None:
        while text := sock.recv(100):
            asked.append(text)
            sock.sendall(ANSWER[:30])
            sock.sendall(ANSWER[30:])

    threads = [threading.Thread(target=answer, args=(theirs,)) for _, theirs in pairs]
    for thread in threads:
        thread.start()
    client = Client(ours for ours, _ in pairs)
    yield Echo(client, asked)
    client.close()
    for thread, (_, theirs) in zip(threads, pairs, strict=True):
        thread.join()
        theirs.close()


def test_a_percentile_is_a_latency_that_was_measured() -> None:
    latencies = [float(number) for number in range(100, 0, -1)]

    assert [percentile(latencies, share) for share in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7


def test_an_answer_is_whole_with_the_last_byte_of_its_body() -> None:
    assert [is_whole(ANSWER[:length]) for length in (0, 20, 40, len(ANSWER) - 1)] == [False] * 4
    assert is_whole(ANSWER)
    assert is_whole(ANSWER.replace(b"Content-Length", b"content-length"))


def test_an_answer_that_is_not_200_ends_the_measurement() -> None:
    with pytest.raises(Broken, match="503"):
        is_whole(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")


def test_a_request_says_how_long_its_body_is() -> None:
    head, _, body = request(Question(WORKSPACES, b'{"a":1}')).partition(b"\r\n\r\n")

    assert head.startswith(b"POST /workspaces/sync HTTP/1.1\r\nHost: ")
    assert b"\r\nContent-Length: 7\r\n" in head
    assert body == b'{"a":1}'


def test_the_peak_asks_in_turn_and_ends_with_the_last_request(echo: Echo) -> None:
    told = as_fast_as_it_goes(echo.client, [b"one", b"two"], most=7)

    assert len(told.latencies) == 7
    assert sorted(echo.asked) == [b"one"] * 4 + [b"two"] * 3


def test_a_pace_is_kept_to_and_the_wait_for_a_connection_counts(echo: Echo) -> None:
    told = paced(echo.client, [b"one"], rate=1000, seconds=0.05)

    assert len(told.latencies) == len(echo.asked) == 50
    assert told.seconds >= 0.049  # the last is due then, however fast the server is


def test_a_latency_counts_from_when_a_request_was_due(echo: Echo) -> None:
    rate = 1e6  # all are due at once, and two connections take them one after the other

    told = paced(echo.client, [b"x"], rate=rate, seconds=20 / rate)

    assert told.latencies[-1] > told.latencies[0]
    assert told.latencies[-1] > 0.9 * told.seconds


def test_the_body_of_an_answer_is_counted_without_its_headers(echo: Echo) -> None:
    assert echo.client.body_bytes(b"one") == 4


def test_a_tail_is_how_often_p50_goes_into_p99() -> None:
    even = Told(1.0, [2.0] * 98 + [6.0] * 2, 0.1)
    flat = Told(1.0, [2.0] * 100, 0.1)

    found = tail([even, flat, even])

    assert (found.median, found.least, found.most, found.runs) == (3, 1, 3, 3)


def test_growth_counts_from_when_a_worker_is_warm() -> None:
    memory = (Memory(20, 40.0), Memory(2_000, 50.0), Memory(100_000, 51.0))

    assert growth(memory) == pytest.approx(2)


@pytest.mark.parametrize("path", [WORKSPACES, MACHINES])
def test_the_no_op_answers_every_question_with_the_same_bytes(path: str) -> None:
    answer = json.dumps("x" * 100).encode()

    response = nothing(answer).test_client().post(path, data=b"{}")

    assert (response.status_code, response.mimetype, response.data) == (
        200,
        "application/json",
        answer,
    )
