"""The fetch step against a real server that does what servers do."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hooks.steps import download
from hooks.steps.addresses import system_lookup
from hooks.steps.download import Fetched, Limits
from hooks.steps.failures import CannotBe, StepFailed
from hooks.steps.fetch import fetch
from hooks.steps.hops import Rules
from hooks.steps.trust import trust
from tests.hooks.steps.certificates import Authority
from tests.hooks.steps.conftest import ALLOWED, Fetch, Time
from tests.hooks.steps.servers import (
    Answer,
    Handler,
    Line,
    Site,
    body,
    resumable,
    serving,
    status,
)

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_comes_whole_with_its_checksum(site: Site, into: Fetch) -> None:
    site.answers["/a/train.parquet"] = [body(CONTENT)]

    files = into(site.url("/a/train.parquet?signature=secret"))

    assert files == [Fetched(into.into / "train.parquet", len(CONTENT), SHA256)]
    assert files[0].path.read_bytes() == CONTENT
    assert into.names == ["train.parquet"]
    assert into.lines == [
        f"1 of 1: {site.url('/a/train.parquet')}?… to {into.into}/train.parquet",
        f"train.parquet: 250.0 KiB, SHA-256 {SHA256}",
    ]


def test_the_wanted_checksum_is_held_against_the_file(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT)]

    assert [file.sha256 for file in into(f"{site.url('/a')}#sha256={SHA256.upper()}")] == [SHA256]
    assert into.lines[-1].endswith(f"SHA-256 {SHA256}, as wanted")

    other = "0" * 64
    with pytest.raises(StepFailed) as failed:
        into(f"{site.url('/a')}#sha256={other}")

    assert str(failed.value) == f"{site.url('/a')} has the SHA-256 {SHA256}, wanted is {other}"
    assert into.names == ["a"]


def test_a_file_that_is_cut_is_resumed(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [
        resumable(CONTENT, '"1"', cut_at=100_000),
        resumable(CONTENT, '"1"', cut_at=150_000),
        resumable(CONTENT, '"1"'),
    ]

    files = into(site.url("/a"))

    assert files == [Fetched(into.into / "a", len(CONTENT), SHA256)]
    assert site.headers("Range") == [None, "bytes=100000-", "bytes=150000-"]
    assert site.headers("If-Range") == [None, '"1"', '"1"']
    assert into.time.waits == [1.0, 1.0]
    assert into.lines[1] == (
        f"{site.url('/a')}: the connection ended after 97.7 KiB of 250.0 KiB: the answer is not "
        "whole; trying again in 1 s"
    )


def test_a_line_that_is_cut_is_resumed(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [resumable(CONTENT, '"1"')]
    line = Line(site.server_port, down=[100_000, 50_000])

    files = into(f"http://127.0.0.1:{line.port}/a")
    line.close()

    assert files == [Fetched(into.into / "a", len(CONTENT), SHA256)]
    starts = [int((found or "bytes=0-")[6:-1]) for found in site.headers("Range")]
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] < starts[2]


def test_a_file_that_changed_meanwhile_begins_anew(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [
        resumable(b"x" * 1000, '"old"', cut_at=500),
        resumable(CONTENT, '"new"'),
    ]

    assert into(site.url("/a")) == [Fetched(into.into / "a", len(CONTENT), SHA256)]
    assert site.headers("If-Range") == [None, '"old"']
    assert into.lines[2] == "a: begins anew, for the server does not resume the file"


def part_of_another(handler: Handler) -> None:
    body(b"y" * 500, code=206, ETag='"new"', Content_Range="bytes 500-999/1000")(handler)


@pytest.mark.parametrize(
    "second",
    [
        body(CONTENT, ETag='"1"'),
        status(416),
        part_of_another,
        body(b"y" * 400, code=206, ETag='"1"', Content_Range="bytes 600-999/1000"),
    ],
    ids=["ignores the range", "cannot do the range", "part of another file", "another part"],
)
def test_a_server_that_does_not_resume_is_asked_for_all_of_it(
    site: Site, into: Fetch, second: Answer
) -> None:
    site.answers["/a"] = [
        body(b"x" * 1000, cut_at=500, ETag='"1"'),
        second,
        body(CONTENT, ETag='"1"'),
    ]

    assert into(site.url("/a")) == [Fetched(into.into / "a", len(CONTENT), SHA256)]
    assert site.headers("Range")[2:] in ([], [None])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (body(CONTENT, cut_at=500), body(CONTENT)),
        (body(CONTENT, cut_at=500, ETag='W/"1"'), body(CONTENT, ETag='W/"1"')),
    ],
    ids=["none", "weak"],
)
def test_without_a_strong_validator_nothing_is_resumed(
    site: Site, into: Fetch, first: Answer, second: Answer
) -> None:
    site.answers["/a"] = [first, second]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert site.headers("Range") == [None, None]


def test_a_date_is_a_validator_too(site: Site, into: Fetch) -> None:
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    part = f"bytes 500-{len(CONTENT) - 1}/{len(CONTENT)}"
    site.answers["/a"] = [
        body(CONTENT, cut_at=500, Last_Modified=date),
        body(CONTENT[500:], code=206, Last_Modified=date, Content_Range=part),
    ]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert site.headers("If-Range") == [None, date]


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_errors_that_pass_are_tried_again_with_growing_waits(
    site: Site, into: Fetch, code: int
) -> None:
    site.answers["/a"] = [status(code), status(code), status(code), body(CONTENT)]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert into.time.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("told", "wait"),
    [("17", 17.0), ("Thu, 01 Jan 2026 00:00:42 GMT", 42.0), ("soon", 1.0), ("0", 1.0)],
)
def test_a_server_says_how_long_to_wait(site: Site, into: Fetch, told: str, wait: float) -> None:
    site.answers["/a"] = [status(429, Retry_After=told), body(CONTENT)]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert into.time.waits == [wait]


def test_a_wait_beyond_the_patience_is_not_begun(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [status(503, Retry_After="7200")]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == (
        f"{site.url('/a')} answers HTTP 503 Service Unavailable; it asks to wait 2 h, more than is "
        "left of the patience; gave up after 1 try in 0 s"
    )
    assert (into.time.waits, into.names) == ([], [])


def test_patience_ends(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [status(500)]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"), limits=Limits(patience=100))

    assert str(failed.value) == (
        f"{site.url('/a')} answers HTTP 500 Internal Server Error; gave up after 7 tries in "
        "1 min 3 s"
    )
    assert into.time.waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def test_patience_begins_anew_with_every_byte_that_is_new(site: Site, into: Fetch) -> None:
    cuts = [resumable(CONTENT, '"1"', cut_at=at) for at in range(1000, 200_000, 1000)]
    site.answers["/a"] = [*cuts, resumable(CONTENT, '"1"')]

    assert into(site.url("/a"), limits=Limits(patience=5))[0].sha256 == SHA256
    assert into.time.waits == [1.0] * len(cuts)


@pytest.mark.parametrize(
    ("code", "words"), [(400, "Bad Request"), (401, "Unauthorized"), (404, "Not Found")]
)
def test_other_errors_are_final(site: Site, into: Fetch, code: int, words: str) -> None:
    site.answers["/a"] = [status(code)]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == f"{site.url('/a')} answers HTTP {code} {words}"
    assert (len(site.asked), into.names) == (1, [])


def test_a_server_that_is_not_there_is_tried_again(into: Fetch) -> None:
    with pytest.raises(StepFailed) as failed:
        into("http://127.0.0.1:1/a", limits=Limits(patience=2))

    assert str(failed.value) == (
        "http://127.0.0.1:1/a does not answer: Connection refused; gave up after 2 tries in 1 s"
    )


def test_a_name_without_an_address_is_tried_again(into: Fetch) -> None:
    with pytest.raises(StepFailed, match=r"^the name nowhere\.invalid has no address: .*2 tries"):
        into("http://nowhere.invalid/a", limits=Limits(patience=2))


def test_a_body_that_is_always_too_short_never_gets_the_name(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT, cut_at=1000)]

    with pytest.raises(StepFailed, match=r"ended after 1000 bytes of 250\.0 KiB"):
        into(site.url("/a"), limits=Limits(patience=10))

    assert into.names == []


def test_a_body_without_a_length_is_read_to_its_end(site: Site, into: Fetch) -> None:
    def chunked(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT))

    site.answers["/a"] = [chunked]

    assert into(site.url("/a"))[0].sha256 == SHA256


def test_a_chunked_body_without_its_end_is_tried_again(site: Site, into: Fetch) -> None:
    def chunked(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s" % (len(CONTENT), CONTENT[:500]))
        handler.close_connection = True

    site.answers["/a"] = [chunked, body(CONTENT)]

    assert into(site.url("/a"))[0].sha256 == SHA256


def test_an_empty_file_is_an_error(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(b"")]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == f"{site.url('/a')} is empty"
    assert into.names == []


def test_names_are_the_last_part_of_the_path_and_unique(site: Site, into: Fetch) -> None:
    long = "x" * 300
    paths = ["/a/train.json", "/b/train.json?x=/y", "/c/", "/", f"/{long}", "/d/train.json#"]
    for path in ("/a/train.json", "/b/train.json", "/c/", "/", f"/{long}", "/d/train.json"):
        site.answers[path] = [body(path.encode())]
    into.into.mkdir()
    (into.into / "c").write_text("mine")

    files = into(*(site.url(path) for path in paths))

    assert [file.path.name for file in files] == [
        "train.json",
        "2-train.json",
        "3-c",
        "127.0.0.1",
        "x" * 200,
        "6-train.json",
    ]
    assert (into.into / "c").read_text() == "mine"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("file:///etc/passwd", "file:///etc/passwd is not an http or https URL"),
        ("ftp://me:secret@host/a", "ftp://…@host/a is not an http or https URL"),
        ("train.parquet", "train.parquet is not an http or https URL"),
        ("https://host/a b", "https://host/a b has a blank, a backslash or a control"),
        ("http://host\\@other/a", "http://…@other/a has a blank, a backslash or a control"),
        ("https://host/a#sha256=12", "https://host/a: #sha256= must be followed by 64 hex digits"),
        (
            "https://host/a#md5=d41d8cd98f00b204e9800998ecf8427e",
            (
                "https://host/a: #md5=… behind it is not understood: the one checksum that can "
                "stand there is #sha256=<64 hex digits>, and nothing else"
            ),
        ),
        (f"https://host/a#SHA256={SHA256}", "https://host/a: #SHA256=… behind it is not"),
        (f"https://host/a#sha256:{SHA256}", "https://host/a: #sha256:… behind it is not"),
        (f"https://host/a#part&sha256={SHA256}", "https://host/a: #… behind it is not"),
        (f"https://host/a#{SHA256}", "https://host/a: #… behind it is not understood"),
        ("https://host/a?x=secret#part", "https://host/a?…: #… behind it is not understood"),
        ("https://host:port/a", "https://host:port/a is not a URL"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_fetched(
    site: Site, into: Fetch, url: str, sentence: str
) -> None:
    with pytest.raises(CannotBe) as refused:
        into(site.url("/a"), url)

    assert str(refused.value).startswith(sentence)
    assert site.asked == []


def test_no_address_is_refused(into: Fetch) -> None:
    with pytest.raises(CannotBe, match="there is no address to fetch from"):
        into()


def test_redirects_are_followed(site: Site, into: Fetch) -> None:
    for number, code in enumerate((301, 302, 303, 307, 308)):
        site.answers[f"/{number}"] = [status(code, Location=f"{number + 1}?x=1")]
    site.answers["/5"] = [body(CONTENT)]

    assert into(site.url("/0")) == [Fetched(into.into / "0", len(CONTENT), SHA256)]


def test_redirects_end(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [status(302, Location="/b")]
    site.answers["/b"] = [status(302, Location="/a")]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == f"{site.url('/a')} is redirected more than 5 times"
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("http://169.254.169.254/latest", "169.254.169.254 is a link-local address: "),
        ("http://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254 is a link-local address: "),
        ("http://10.0.0.1/", "10.0.0.1 is a private address: "),
        ("http://[fd00::1]/", "fd00::1 is a private address: "),
        ("file:///etc/passwd", "{url} is redirected: file:///etc/passwd is not an http or https"),
        ("", "{url} is redirected, and it is not said where to"),
    ],
)
def test_a_redirect_leads_nowhere_it_must_not(
    site: Site, into: Fetch, location: str, sentence: str
) -> None:
    site.answers["/a"] = [status(302, Location=location)]

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value).startswith(sentence.format(url=site.url("/a")))
    assert (len(site.asked), into.names) == (1, [])


def test_this_machine_is_not_asked_unless_that_is_allowed(site: Site, into: Fetch) -> None:
    with pytest.raises(CannotBe) as refused:
        into(site.url("/a", host="localhost"), rules=Rules(trust()))

    assert "127.0.0.1 (loopback)" in str(refused.value)
    assert "--allow-network" in str(refused.value)
    assert site.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    site: Site, into: Fetch
) -> None:
    site.answers["/a"] = [body(CONTENT)]
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    rules = Rules(trust(), ALLOWED, lookup=lambda _host, _port: answers.pop(0))
    files = into(site.url("/a", host="data.test"), rules=rules)

    assert (files[0].sha256, answers) == (SHA256, [["169.254.169.254"]])
    assert site.headers("Host") == [f"data.test:{site.server_port}"]


def test_the_next_address_of_a_name_is_tried(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT)]

    rules = Rules(trust(), ALLOWED, lookup=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])

    assert into(site.url("/a", host="data.test"), rules=rules)[0].sha256 == SHA256
    assert into.time.waits == []


def test_the_certificate_must_have_the_name_of_the_url(into: Fetch, authority: Authority) -> None:
    rules = Rules(authority.client_context(), ALLOWED, lookup=lambda _host, _port: ["127.0.0.1"])
    with serving(Site(authority.server_context())) as secure:
        secure.answers["/a"] = [body(CONTENT)]

        assert into(secure.url("/a", host="data.test"), rules=rules)[0].sha256 == SHA256
        with pytest.raises(StepFailed) as failed:
            into(secure.url("/a", host="other.test"), rules=rules)
        with pytest.raises(StepFailed, match="the certificate is not trusted"):
            into(secure.url("/a"), rules=Rules(trust(), ALLOWED))

    assert str(failed.value).startswith(
        f"{secure.url('/a', host='other.test')}: the certificate is not trusted: Hostname mismatch"
    )
    assert into.time.waits == []


def test_https_never_becomes_http(site: Site, into: Fetch, authority: Authority) -> None:
    with serving(Site(authority.server_context())) as secure:
        secure.answers["/a"] = [status(302, Location=site.url("/a"))]
        with pytest.raises(CannotBe) as refused:
            into(secure.url("/a"), rules=Rules(authority.client_context(), ALLOWED))

    assert str(refused.value) == (
        f"{secure.url('/a')} is redirected from https to http, to {site.url('/a')}"
    )
    assert site.asked == []


def test_credentials_go_to_their_own_server_only_and_into_no_line(site: Site, into: Fetch) -> None:
    with serving(Site()) as other:
        site.answers["/a"] = [status(302, Location="/b")]
        site.answers["/b"] = [status(302, Location=other.url("/c"))]
        other.answers["/c"] = [status(500), body(CONTENT)]
        into(site.url("/a?token=hidden", host="me:pass%2Fword@127.0.0.1"))

    assert site.headers("Authorization") == ["Basic bWU6cGFzcy93b3Jk"] * 4
    assert other.headers("Authorization") == [None, None]
    assert [line for line in into.lines if "hidden" in line or "pass" in line] == []


def test_a_limit_of_bytes_is_kept_whether_the_size_is_told_or_not(site: Site, into: Fetch) -> None:
    def untold(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)

    site.answers["/told"] = [body(CONTENT)]
    site.answers["/untold"] = [untold]
    limits = Limits(patience=0, max_bytes=100_000)

    for path in ("/told", "/untold"):
        with pytest.raises(StepFailed) as failed:
            into(site.url(path), limits=limits)
        assert str(failed.value) == (
            f"{site.url(path)} is larger than 97.7 KiB, the limit of --max-bytes"
        )
    assert into.names == []
    assert into(site.url("/told"), limits=Limits(0, len(CONTENT)))[0].size == len(CONTENT)


def test_a_file_that_has_no_room_is_not_begun(site: Site, into: Fetch) -> None:
    size = shutil.disk_usage(into.into.parent).free * 2
    site.answers["/a"] = [body(b"x", Content_Length=str(size))]

    with pytest.raises(StepFailed, match=rf"{site.url('/a')} needs .*iB more and .* has .* free"):
        into(site.url("/a"))

    assert into.names == []


def test_a_file_may_be_called_like_one_that_is_not_whole_yet(site: Site, into: Fetch) -> None:
    site.answers = {"/train.part": [body(b"one")], "/train": [body(b"two")]}
    into(site.url("/train.part"), site.url("/train"))

    assert into.contents == {"train.part": b"one", "train": b"two"}


def test_a_file_may_be_called_as_the_unfinished_ones_are_marked(site: Site, into: Fetch) -> None:
    site.answers = {"/.unfinished": [body(b"one")], "/a": [body(b"two")]}

    into(site.url("/.unfinished"), site.url("/a"))

    assert into.contents == {".unfinished": b"one", "a": b"two"}


def test_a_link_where_the_unfinished_file_goes_is_not_written_through(
    site: Site, into: Fetch, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    into.into.mkdir()
    (into.into / ".unfinished a").symlink_to(mine)
    site.answers["/a"] = [body(CONTENT)]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert (mine.read_text(), into.names) == ("mine", ["a"])


def test_without_a_known_length_nothing_is_resumed(site: Site, into: Fetch) -> None:
    def cut_chunks(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("ETag", '"1"')
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s" % (len(CONTENT), CONTENT[:500]))
        handler.close_connection = True

    def some_more(handler: Handler) -> None:
        if handler.headers.get("Range") is None:
            body(CONTENT)(handler)
        else:
            body(CONTENT[500:600], code=206, ETag='"1"', Content_Range="bytes 500-599/*")(handler)

    site.answers["/a"] = [cut_chunks, some_more]

    assert into(site.url("/a"))[0].sha256 == SHA256


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_called_so(site: Site, into: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    site.answers["/a"] = [body(CONTENT)]
    into.into.mkdir()
    monkeypatch.setattr(
        download,
        "new_file",
        lambda _path: Path("/dev/full").open("wb", buffering=0),  # noqa: SIM115  (who asks closes it)
    )

    with pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == (
        f"{into.into} is full after 0 bytes of {site.url('/a')}: a node or a volume with more room "
        "is needed"
    )


def test_a_directory_that_cannot_be_written_is_named(site: Site, into: Fetch) -> None:
    into.into.write_text("a file")

    with pytest.raises(StepFailed, match=f"^{into.into} cannot be written: File exists"):
        into(site.url("/a"))


def test_progress_is_told_every_two_seconds(site: Site, tmp_path: Path, lines: list[str]) -> None:
    def slow(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        for start in range(0, len(CONTENT), 32_000):
            handler.wfile.write(CONTENT[start : start + 32_000])

    site.answers["/a"] = [slow]
    time = Time(a_look=2.0)

    fetch(
        [site.url("/a")],
        tmp_path,
        Rules(trust(), ALLOWED),
        Limits(300),
        time.clock,
        lines.append,
    )

    told = [line for line in lines if "%" in line]
    assert told[-1].startswith("a: 250.0 KiB of 250.0 KiB (100 %), ")
    assert all(line.startswith("a: ") and line.count("iB/s") == 1 for line in told)


def through(name: str) -> Callable[[str, int], list[str]]:
    def lookup(host: str, port: int) -> list[str]:
        assert host != name, "the proxy is to resolve it"
        return system_lookup(host, port)

    return lookup


def test_a_proxy_of_the_cluster_is_used_and_told_of(
    site: Site, into: Fetch, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{site.server_port}")
    monkeypatch.setenv("NO_PROXY", "straight.test,10.0.0.0/8")
    site.answers["http://data.test/a"] = [body(CONTENT)]
    rules = Rules(trust(), lookup=through("data.test"), say=lines.append)

    assert into("http://data.test/a", rules=rules)[0].sha256 == SHA256
    assert site.headers("Proxy-Authorization") == ["Basic bWU6c2VjcmV0"]
    assert into.lines[1] == (
        f"the proxy http://127.0.0.1:{site.server_port} is used, so it decides which addresses may "
        "be reached"
    )
    with pytest.raises(CannotBe, match=r"10\.1\.2\.3 is a private address"):
        into("http://10.1.2.3/a", rules=rules)


def test_through_a_proxy_the_certificate_is_still_that_of_the_url(
    site: Site, into: Fetch, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{site.server_port}")
    rules = Rules(authority.client_context(), say=into.lines.append)
    with serving(Site(authority.server_context())) as secure:
        secure.answers["/a"] = [body(CONTENT)]
        asked = secure.url("/a", host="data.test")

        assert into(asked, rules=rules)[0].sha256 == SHA256
        with pytest.raises(StepFailed, match="the certificate is not trusted"):
            into(secure.url("/a", host="other.test"), rules=rules)

    tunnels = [f"{name}:{secure.server_port}" for name in ("data.test", "other.test")]
    assert [(request.method, request.path) for request in site.asked] == [
        ("CONNECT", tunnel) for tunnel in tunnels
    ]


PAGE = b"""\xef\xbb\xbf
<!DOCTYPE html><title>Log in</title>"""


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/train.parquet", PAGE, "text/html; charset=utf-8"),
        ("/train.parquet", PAGE, "application/octet-stream"),
        ("/data.html", PAGE, "text/html"),
        ("/data/", b"<html><body>Index of /data", "TEXT/HTML"),
        ("/train.json", b"<!-- moved --><p>gone", "text/html"),
        ("/download", b"Please log in.", "text/html"),
        ("/a", b"<?xml version='1.0'?><html/>", "application/xhtml+xml"),
    ],
)
def test_a_page_for_people_is_not_taken_for_data(
    site: Site, into: Fetch, path: str, content: bytes, kind: str
) -> None:
    site.answers[path] = [body(content, Content_Type=kind)]

    with pytest.raises(StepFailed) as failed:
        into(site.url(path))

    assert str(failed.value) == (
        f"{site.url(path)} is an HTML page and not data, usually a login page or a listing of "
        "files: the address has to lead to the file itself"
    )
    assert into.names == []


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/train.csv", b"instruction,response\n"),
        ("/train.jsonl", b'{"text": "<html>"}\n'),
        ("/download", b'[{"text": "a"}]'),
        ("/download", b"PAR1 and so on"),
    ],
)
def test_data_that_a_server_calls_a_page_is_still_data(
    site: Site, into: Fetch, path: str, content: bytes
) -> None:
    site.answers[path] = [body(content, Content_Type="text/html")]

    assert into(site.url(path))[0].path.read_bytes() == content
