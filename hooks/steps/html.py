"""Whether what came is a page for people, where data was wanted."""

PAGES = ("text/html", "application/xhtml+xml")
# https://html.spec.whatwg.org/multipage/syntax.html#the-doctype
PAGE_BEGINNINGS = (b"<!doctype html", b"<html")
# Of the forms that the trainers read. JSON begins so, and what these begin with: https://parquet.apache.org/docs/file-format/,
# https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format
DATA_ENDINGS = (".arrow", ".csv", ".json", ".jsonl", ".parquet")
DATA_BEGINNINGS = (b"{", b"[", b"PAR1", b"ARROW1")
ENOUGH = 512
"""So many bytes of the beginning tell."""


def is_page(kind: str, name: str, beginning: bytes) -> bool:
    """
    Whether a file is an HTML page.

    Servers call data HTML where they know no better, so both are looked at.

    Args:
        kind: What the server calls it, its Content-Type; may be empty.
        name: What the file is called.
        beginning: Its first bytes, ``ENOUGH`` of them where there are so many.

    """
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.lower().startswith(PAGE_BEGINNINGS):
        return True
    if kind.partition(";")[0].strip().lower() not in PAGES:
        return False
    if text.startswith(b"<"):
        return True
    return not (text.startswith(DATA_BEGINNINGS) or name.lower().endswith(DATA_ENDINGS))
