"""The fetch step over what an earlier one left, as after a restart."""

import hashlib
from pathlib import Path

import pytest

from hooks.steps.download import Fetched, Limits
from hooks.steps.earlier import LIST
from hooks.steps.failures import StepFailed
from hooks.steps.files import alone_in
from tests.hooks.steps.conftest import Fetch, Time
from tests.hooks.steps.servers import (
    Answer,
    Site,
    body,
    cut_before_the_answer,
    resumable,
    status,
    versioned,
)
from tests.hooks.steps.test_fetch import CONTENT, SHA256

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
OTHER = b"another version"
OTHER_SHA256 = hashlib.sha256(OTHER).hexdigest()


class Stopping(Time):
    """A time in which SIGTERM comes with the first wait, as when the connection is lost."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        raise SystemExit(143)


def stop(into: Fetch, url: str) -> None:
    """Fetch until the connection is lost, and be stopped then."""
    with pytest.raises(SystemExit):
        into._replace(time=Stopping())(url)


def test_what_is_whole_is_kept_under_its_name(site: Site, into: Fetch) -> None:
    site.answers = {"/a": [versioned(CONTENT, '"1"')], "/b/a": [versioned(OTHER, '"2"')]}
    urls = [site.url("/a"), site.url("/b/a")]
    first = into(*urls)
    into.lines.clear()

    again = into(*urls)

    assert (
        again
        == first
        == [
            Fetched(into.into / "a", len(CONTENT), SHA256),
            Fetched(into.into / "2-a", len(OTHER), OTHER_SHA256),
        ]
    )
    assert into.contents == {"a": CONTENT, "2-a": OTHER}
    assert site.headers("If-None-Match") == [None, None, '"1"', '"2"']
    assert into.lines[:3] == [
        f"1 of 2: {urls[0]} to {into.into}/a",
        "a: is there already, whole and the same",
        f"a: 250.0 KiB, SHA-256 {SHA256}",
    ]


@pytest.mark.parametrize(
    "answer",
    [body(CONTENT, ETag='"1"'), body(CONTENT, Last_Modified=DATE)],
    ids=["tag", "date"],
)
def test_a_server_that_sends_all_of_it_in_any_case_says_that_it_is_the_same(
    site: Site, into: Fetch, answer: Answer
) -> None:
    site.answers["/a"] = [answer]
    first = into(site.url("/a"))

    assert into(site.url("/a")) == first
    assert (into.names, len(site.asked)) == (["a"], 2)
    assert "a: is there already, whole and the same" in into.lines


def test_with_the_wanted_checksum_the_server_is_not_even_asked(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT)]
    url = f"{site.url('/a')}#sha256={SHA256}"
    first = into(url)

    assert into(url) == first
    assert (into.names, len(site.asked)) == (["a"], 1)


@pytest.mark.parametrize(
    ("before", "after", "behind", "why"),
    [
        (
            versioned(CONTENT, '"1"'),
            versioned(OTHER, '"2"'),
            "",
            "the server has another version of it",
        ),
        (body(CONTENT), body(OTHER), "", "the server does not tell one version of it from another"),
        (
            body(CONTENT, ETag='"1"'),
            body(OTHER, ETag='"1"'),
            "",
            "the server has another version of it",
        ),
        (body(CONTENT), body(OTHER), f"#sha256={OTHER_SHA256}", "its checksum is another one"),
    ],
    ids=["another tag", "no tag", "another length", "another checksum wanted"],
)
def test_another_version_takes_the_place_of_the_first(
    site: Site, into: Fetch, before: Answer, after: Answer, behind: str, why: str
) -> None:
    site.answers["/a"] = [before]
    into(site.url("/a"))
    site.answers["/a"] = [after]

    assert into(site.url("/a") + behind) == [Fetched(into.into / "a", len(OTHER), OTHER_SHA256)]
    assert into.contents == {"a": OTHER}
    assert f"a: is there already, and is fetched again: {why}" in into.lines


def test_while_another_version_cannot_be_had_the_first_stays(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]
    into(site.url("/a"))
    site.answers["/a"] = [resumable(OTHER, '"2"', cut_at=5), status(404)]

    with pytest.raises(StepFailed, match="HTTP 404"):
        into(site.url("/a"))

    assert into.contents == {"a": CONTENT}


def test_another_version_that_was_cut_takes_the_place_of_the_first_later(
    site: Site, into: Fetch
) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]
    into(site.url("/a"))
    second = resumable(OTHER, '"2"', cut_at=5)
    site.answers["/a"] = [second, second, cut_before_the_answer]
    with pytest.raises(StepFailed, match="gave up"):
        into(site.url("/a"), limits=Limits(patience=10))
    assert into.contents == {"a": CONTENT}

    site.answers["/a"] = [versioned(OTHER, '"2"')]
    into(site.url("/a"))

    assert into.contents == {"a": OTHER}


@pytest.mark.parametrize("mine", [CONTENT[:-1] + b"x", CONTENT + b"x", CONTENT[:-1]])
def test_a_file_that_was_changed_here_is_left_alone(site: Site, into: Fetch, mine: bytes) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]
    into(site.url("/a"))
    (into.into / "a").write_bytes(mine)

    into(site.url("/a"))

    assert into.contents == {"a": mine, "1-a": CONTENT}


def test_a_link_is_not_taken_for_a_file_that_was_fetched(
    site: Site, into: Fetch, tmp_path: Path
) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]
    into(site.url("/a"))
    (into.into / "a").rename(tmp_path / "mine")
    (into.into / "a").symlink_to(tmp_path / "mine")

    assert into(site.url("/a"))[0].path.name == "1-a"


def test_a_file_that_was_deleted_is_fetched_again(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]
    into(site.url("/a"))
    (into.into / "a").unlink()

    assert into(site.url("/a"))[0].path == into.into / "a"
    assert into.contents == {"a": CONTENT}


@pytest.mark.parametrize("text", ["", "[", "{}", '[{"name": "../a"}]', '[{"name": "a"}]'])
def test_a_list_that_says_nothing_is_none(site: Site, into: Fetch, text: str) -> None:
    site.answers["/a"] = [body(CONTENT)]
    into.into.mkdir()
    (into.into / LIST).write_text(text)
    (into.into / "a").write_text("mine")

    assert into(site.url("/a"))[0].path.name == "1-a"


def test_the_list_has_no_address(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT)]
    into(site.url("/a?token=hidden", host="me:password@127.0.0.1"))

    found = (into.into / LIST).read_text()
    assert SHA256 in found
    assert [word for word in ("hidden", "password", "127.0.0.1") if word in found] == []


def test_one_address_twice_is_two_files_also_the_second_time(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [versioned(CONTENT, '"1"')]

    for _ in range(2):
        assert [file.path.name for file in into(site.url("/a"), site.url("/a"))] == ["a", "2-a"]
    assert into.names == ["2-a", "a"]


def test_a_fetch_that_was_stopped_is_gone_on_with(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [resumable(CONTENT, '"1"', cut_at=1000), resumable(CONTENT, '"1"')]
    stop(into, site.url("/a"))
    assert into.names == [".unfinished a"]
    assert into.lines[-1] == "a: 1000 bytes are left for the next run"
    into.lines.clear()

    assert into(site.url("/a")) == [Fetched(into.into / "a", len(CONTENT), SHA256)]
    assert (site.headers("Range"), into.contents) == ([None, "bytes=1000-"], {"a": CONTENT})
    assert into.lines[1] == "a: goes on after 1000 bytes that an earlier run fetched"


def test_a_fetch_that_gave_up_is_gone_on_with(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [resumable(CONTENT, '"1"', cut_at=1000), cut_before_the_answer]
    with pytest.raises(StepFailed, match="gave up"):
        into(site.url("/a"), limits=Limits(patience=10))

    site.answers["/a"] = [resumable(CONTENT, '"1"')]

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert site.headers("Range")[-1] == "bytes=1000-"


def test_a_beginning_that_is_not_as_it_was_left_is_not_gone_on_with(
    site: Site, into: Fetch
) -> None:
    site.answers["/a"] = [resumable(CONTENT, '"1"', cut_at=1000), resumable(CONTENT, '"1"')]
    stop(into, site.url("/a"))
    (into.into / ".unfinished a").write_bytes(bytes(1000))

    assert into(site.url("/a"))[0].sha256 == SHA256
    assert site.headers("Range") == [None, None]


def test_a_beginning_of_another_version_is_not_gone_on_with(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [resumable(CONTENT, '"1"', cut_at=1000), resumable(OTHER, '"2"')]
    stop(into, site.url("/a"))

    assert into(site.url("/a"))[0].sha256 == OTHER_SHA256
    assert into.contents == {"a": OTHER}


def test_a_beginning_that_cannot_be_resumed_is_not_left(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT, cut_at=1000)]
    stop(into, site.url("/a"))

    assert into.names == []


def test_no_trainer_takes_the_list_for_data() -> None:
    # Kaito's looks for one of these anywhere in a name.
    forms = ("csv", "json", "parquet", "arrow", "webdataset")

    assert [form for form in forms if form in LIST] == []


def test_two_fetches_are_not_in_one_directory_at_once(site: Site, into: Fetch) -> None:
    site.answers["/a"] = [body(CONTENT)]
    into.into.mkdir()
    with alone_in(into.into), pytest.raises(StepFailed) as failed:
        into(site.url("/a"))

    assert str(failed.value) == f"another fetch into {into.into} is under way: wait for it"
    assert into(site.url("/a"))[0].sha256 == SHA256
