"""Exchanges in files."""

import json
from pathlib import Path

from hooks.dev.recording import Recording


def test_each_exchange_is_a_file_and_numbers_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "exchanges"
    first = Recording(folder)
    first.write("http://hooks:80/workspaces/sync", {"parent": "é"}, {"status": {}}, None)
    first.write("http://hooks:80/machines/customize", {}, None, "unsupported status code: 500")
    Recording(folder).write("http://hooks:80/a b?c", {}, {}, None)

    assert {file.name: json.loads(file.read_text()) for file in sorted(folder.iterdir())} == {
        "00001-workspaces-sync.json": {
            "path": "http://hooks:80/workspaces/sync",
            "request": {"parent": "é"},
            "response": {"status": {}},
        },
        "00002-machines-customize.json": {
            "path": "http://hooks:80/machines/customize",
            "request": {},
            "error": "unsupported status code: 500",
        },
        "00003-hooks-80-a-b-c.json": {
            "path": "http://hooks:80/a b?c",
            "request": {},
            "response": {},
        },
    }
