"""Values that nobody in their right mind would write, by what a field is about."""

import json
from random import Random
from typing import Any

# What JSON's writer in Python would not write. A text such as ``@raw:nan@`` becomes the bytes, its
# quotes included, once a request is written out.
RAW: dict[str, bytes] = {
    "nan": b"NaN",
    "infinity": b"Infinity",
    "minus-infinity": b"-Infinity",
    "beyond-float": b"1e400",
    "long-number": b"9" * 4301,
    "lone-surrogate": b'"\\ud800"',
    "lone-low-surrogate": b'"a\\udfffb"',
    "no-utf-8": b'"\xff\xfe"',
    "overlong-utf-8": b'"\xc0\xaf"',
    "twice": b'{"name":"a","name":"b","kind":null,"kind":{}}',
    "deep-list": b"[" * 150 + b"]" * 150,
    "deep-object": b'{"a":' * 180 + b"1" + b"}" * 180,
    "too-deep": b"[" * 3000 + b"]" * 3000,
    "open": b"[[[[{",
    "nothing": b"",
    "comment": b"/* */ 1",
    "single-quotes": b"'a'",
    "octal": b"007",
}

TEXTS: tuple[str, ...] = (
    *("", " ", "\n", "a\nb", "a\x00b", "\x1b[31mred", "\x7f", "\x85", "\u2028", "\ufeff"),
    *("\u202egnp.exe", "e\u0301", "名前", "😀" * 20, "\ud7ff\ue000\ufffd", "ﬀ", "İ", "ß"),
    *("-", "--", "a-", "-a", "a.b", "A", "a/b", "/", "//", "../../etc/passwd", "a" * 64, "a" * 254),
    *("x" * 5000, "None", "null", "true", "on", "1", "0x10", "NaN", "{{ a }}", "$(touch a)"),
    *("`a`", "%s%n", "'; --", '"', "\\", "<script>", "@sha256:" + "0" * 64, "http://[::1", "a:b:c"),
    *("ws000000000", "kaito.sh/workspace", "default", "kube-system", "Deployment", "metadata"),
)
NUMBERS: tuple[float, ...] = (
    *(0, -1, 1, 2, 3, 101, 65536, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40),
    *(0.5, 1.0, -0.0, 1.5, 1e16, 1e308, -1e308, 5e-324),
)
DATES: tuple[object, ...] = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59-23:59", "9999-12-31T23:56:00Z", "2262-04-12T00:00:00Z"),
    *("1970-01-01T00:00:00Z", "2026-01-01T12:00:00", "2026-01-01", "2026-01-01 12:00:00Z"),
    *("2026-13-45T99:99:99Z", "2026-02-30T00:00:00Z", "2026-01-01T12:00:00+99:99", "now", ""),
    *("2026-01-01T12:00:00.123456789Z", "2026-01-01T12:00:60Z", "2026-01-01T11:59:59Z"),
    *(0, -1, 1767268800, 1767268800000, 253402300800, 1e20, -1e20, True),
)
QUANTITIES: tuple[object, ...] = (
    *(
        "1e999",
        "1e9999",
        "1e-999",
        "-1",
        "-5Gi",
        "1.5.5",
        "1" * 200,
        "1" * 5000,
        "0x10",
        "٣",
        "1Zi",
    ),
    *(
        "9" * 40 + "Ei",
        "",
        ".",
        "+1",
        " 1",
        "1\n",
        "NaN",
        "Infinity",
        "1m",
        "0.0000000000000000001",
    ),
    *("1024Mi", "1.5Gi", "0", "1e3", "1E", "1Ei", 1, 1.5, -1, 0, True, 10**30, 1e300, 4),
)
YAML: tuple[str, ...] = (
    *("", "[", "{}", "training_config:", "training_config: []", "training_config: {a: 1}"),
    *("training_config: {LoraConfig: {r: .nan}}", "training_config: {LoraConfig: {r: .inf}}"),
    "training_config: {LoraConfig: {r: 1" + "0" * 90 + "}}",
    'training_config: {TrainingArguments: {output_dir: "\\uD800"}}',
    'training_config: {LoraConfig: {target_modules: ["\\uDFFF"]}}',
    'training_config: {TrainingArguments: {output_dir: "/mnt/results\\0"}}',
    'training_config: {TrainingArguments: {output_dir: "a\\nb"}}',
    "training_config: {TrainingArguments: {output_dir: /mnt/../etc}}",
    "training_config: {TrainingArguments: {output_dir: ////}}",
    "training_config: {TrainingArguments: {output_dir: 2001-01-01}}",
    "training_config: {TrainingArguments: 2001-01-01}",
    "training_config: {TrainingArguments: }",
    "training_config: {QuantizationConfig: {load_in_4bit: yes, load_in_8bit: on}}",
    "training_config: !!python/object/apply:os.system [a]",
    "training_config: {&a LoraConfig: *a}",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "training_config: " + "[" * 150 + "]" * 150,
    "training_config: {" + ", ".join(f"k{n}: 1" for n in range(2000)) + "}",
    "--- 1\n--- 2",
    "? [a, b]\n: c",
    "training_config: {LoraConfig: {1: 2, null: 3, yes: 4}}",
    "training_config: {QuantizationConfig: {load_in_8bit: true}, LoraConfig: {r: 16}}",
    "training_config: {LoraConfig: {r: 1:30:00, lora_alpha: 0o17, lora_dropout: 1_000}}",
)
# What a revision was resolved to, in its annotation: JSON in JSON.
RESOLVED: tuple[str, ...] = (
    *("", "null", "[]", "1", "{", "NaN", '{"image": NaN}', "[" * 500, "[" * 100000),
    '{"adapters": []}',
    '{"adapters": [1]}',
    '{"adapters": "one"}',
    '{"adapters": {"one": null}}',
    '{"adapters": {"one": 7, "two-b": {}}}',
    '{"adapters": {"one": "\\ud800"}}',
    '{"image": "\\ud800", "command": "a"}',
    '{"image": "", "command": ""}',
    '{"image": 1, "command": []}',
    '{"weights": 7, "image": "a", "command": "b"}',
    '{"weights": {"source": {}}, "image": "a", "command": "b"}',
    '{"image": "a", "command": "' + "b" * 2000 + '"}',
    '{"unknown": {"a": [null]}}',
)

LABEL_MAPS: tuple[object, ...] = (
    *({}, {"": ""}, {"a": ""}, {"a": None}, {"a": 1}, {"/": "a"}, {"a/b/c": "d"}, {"é": "ü"}),
    *({"a": "x" * 64}, {"a" * 64: "b"}, {"x" * 254 + "/a": "b"}, {"a": "-"}, {"a": "b c"}),
    *({"kaito.sh/workspace": "other"}, {"kaito.sh/workspace": ""}, {"apps": "a\n"}, {"a": ["b"]}),
    {f"k{n}": "v" for n in range(500)},
)

DATE_ENDS = ("Time", "Timestamp", "notBefore")
QUANTITY_KEYS = frozenset(
    {"disk", "storage", "memory", "cpu", "ephemeral-storage", "nvidia.com/gpu"}
)
LABEL_KEYS = frozenset({"labels", "annotations", "matchLabels", "nodeSelector"})


def deep(levels: int, *, lists: bool) -> Any:  # noqa: ANN401  (JSON)
    """Return a value that is nested so often."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


def any_value(random: Random) -> Any:  # noqa: ANN401, PLR0911  (JSON; a share for each kind)
    """Return any value of any kind; a large one rarely, for it takes its time."""
    kind = random.random()
    if kind < 0.3:
        return random.choice(TEXTS)
    if kind < 0.5:
        return random.choice(NUMBERS)
    if kind < 0.72:
        return random.choice((None, None, True, False, {}, [], [None], [[None]], [{}], {"": None}))
    if kind < 0.84:
        return f"@raw:{random.choice(tuple(RAW))}@"
    if kind < 0.88:
        return deep(random.choice((5, 60, 120, 185)), lists=random.random() < 0.5)
    if kind < 0.93:
        return random.choice((DATES, QUANTITIES, LABEL_MAPS, YAML, RESOLVED))[0:3]
    if kind < 0.997:
        return [random.choice(TEXTS) for _ in range(random.randrange(4))]
    return large_value(random)


def large_value(random: Random) -> Any:  # noqa: ANN401  (JSON)
    """Return a value of a hundred kilobytes or so."""
    size = random.choice((2000, 20000))
    return random.choice(
        (
            "a" * 10 * size,
            "名" * 3 * size,
            [None] * size,
            [{}] * size,
            list(range(size)),
            {f"key-{n}": n for n in range(size)},
            [{"name": f"n{n}"} for n in range(size)],
            [{"type": f"T{n}", "status": "True"} for n in range(size)],
        )
    )


def value_for(key: str | int, random: Random) -> Any:  # noqa: ANN401, PLR0911  (JSON; the same)
    """Return a hostile value for a field of this name: half of the time one that is about it."""
    if isinstance(key, str) and random.random() < 0.6:
        if key.endswith(DATE_ENDS):
            return random.choice(DATES)
        if key in QUANTITY_KEYS:
            return random.choice(QUANTITIES)
        if key in LABEL_KEYS:
            return random.choice(LABEL_MAPS)
        if key == "training_config.yaml":
            return random.choice(YAML)
        if key == "kaito.sh/server":
            return random.choice(RESOLVED)
        if key == "conditions":
            return conditions(random)
    return any_value(random)


def conditions(random: Random) -> list[object]:
    """Return conditions that contradict each other, are of no kind, or are many."""
    kinds = ("Ready", "Accepted", "MachineLaunched", "PodScheduled", "Failed", "Complete", "", "T")
    found: list[object] = [
        {
            "type": random.choice(kinds),
            "status": random.choice(("True", "False", "Unknown", "", "yes")),
            "reason": random.choice(TEXTS),
            "message": random.choice(TEXTS),
            "lastTransitionTime": random.choice(DATES),
        }
        for _ in range(random.choice((0, 1, 2, 5, 50)))
    ]
    return [*found, random.choice((None, {}, 1))] if random.random() < 0.1 else found


def written(document: object, random: Random) -> bytes:
    """Return JSON as Go or as Python writes it, with what stands for raw bytes replaced."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=random.random() < 0.1)
    body = text.encode()
    if b"@raw:" in body:
        for name, raw in RAW.items():
            body = body.replace(b'"@raw:%s@"' % name.encode(), raw)
    return body
