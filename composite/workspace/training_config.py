"""What the trainer is told: the user's configuration or the default of the method, checked."""

import hashlib
import json
import posixpath
from collections.abc import Iterator
from difflib import get_close_matches

from composite import names
from composite.catalog import Catalog, ParameterKind
from composite.models import JsonObject
from composite.origins import Chosen, Origin, Source, seen_there, written
from composite.refusal import Problem, Refusal
from composite.workspace.api import SeenTraining, Tuning
from composite.workspace.observe import Seen
from composite.workspace.seen_jobs import SeenConfig

# Directories that hold something else; results in them would hide it.
TAKEN_PATHS = (names.CONFIG_PATH, names.DATA_PATH)

LONGEST_PATH = 4096

HASH_DIGITS = 10

QUANTIZED = ("load_in_4bit", "load_in_8bit")

KINDS: dict[ParameterKind, tuple[tuple[type, ...], str]] = {
    "text": ((str,), "a text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "list": ((list,), "a list"),
    "object": ((dict,), "an object"),
}


def find_config(
    tuning: Tuning, namespace: str, config: SeenConfig | None, catalog: Catalog
) -> Chosen[JsonObject]:
    """
    Return the training configuration: the user's, or the default of the method.

    Raises:
        Refusal: The user's is not there, cannot be read, or holds what the trainer does not know.

    """
    method = tuning.method.lower()
    if not tuning.config:
        default = Origin(Source.METHOD, "its default configuration", method)
        return Chosen(resolved(catalog.tuning_configs[method]), (default,))
    if config is None:
        raise refused(f"there is no ConfigMap {tuning.config!r} in namespace {namespace!r}")
    found = read_config(config, catalog)
    problems = [*section_problems(found, catalog), *method_problems(found, method)]
    problems += [*path_problems(found), *format_problems(found)]
    if problems:
        raise Refusal(*problems)
    holds = seen_there(f"ConfigMap {tuning.config}")
    return Chosen(resolved(found), (written("tuning.config"), holds))


def given_config(name: str, digest: str, seen: Seen) -> Chosen[JsonObject] | None:
    """Return the configuration that the Job of this very training was given, if it is there."""
    used = {job.config for job in seen.jobs if job.hash == digest}
    return next((as_given(c) for c in intact_configs(name, seen) if c.name in used), None)


def as_given(config: SeenConfig) -> Chosen[JsonObject]:
    """Return a configuration of an earlier sync."""
    return Chosen(own_config(config), (seen_there(f"ConfigMap {config.name}, which its Job has"),))


def intact_configs(name: str, seen: Seen) -> list[SeenConfig]:
    """Return our own ConfigMaps that hold what their name says, so that we wrote them."""
    return [c for c in seen.own_configs if c.text and config_name(name, c.text) == c.name]


def own_config(config: SeenConfig) -> JsonObject:
    """Read what we wrote, as what we write: JSON, in which every number is what it was."""
    found: JsonObject = json.loads(config.text or "{}").get(names.TRAINING_CONFIG, {})
    return found


def accepted_config(
    name: str, seen: Seen, before: SeenTraining | None
) -> Chosen[JsonObject] | None:
    """
    Return the configuration that was accepted last, or None if it is not there any more.

    That of the Job of which the status speaks; before there is one, the only one that there is.
    """
    spoken_of = before.job if before is not None else ""
    used = {job.config: job.name for job in seen.jobs}
    last = min(
        intact_configs(name, seen),
        key=lambda config: (used.get(config.name) != spoken_of, config.name in used, config.name),
        default=None,
    )
    return as_given(last) if last is not None else None


def refused(message: str) -> Refusal:
    """Say no because of the configuration as a whole."""
    return Refusal(Problem(field="tuning.config", message=message))


def read_config(config: SeenConfig, catalog: Catalog) -> JsonObject:
    """
    Return what stands below ``training_config``.

    Raises:
        Refusal: There is nothing of the kind.

    """
    where = f"ConfigMap {config.name!r}"
    if config.text is None:
        raise refused(f"{where} has no key {names.TRAINING_CONFIG_FILE}")
    try:
        document = catalog.read_document(config.text)
    except ValueError as error:
        message = f"{where}: {names.TRAINING_CONFIG_FILE} cannot be read: {error}"
        raise refused(message) from None
    found = document.get(names.TRAINING_CONFIG) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise refused(
            f"{where}: {names.TRAINING_CONFIG_FILE} needs the key {names.TRAINING_CONFIG} "
            "with the sections below it"
        )
    return found


def section_problems(config: JsonObject, catalog: Catalog) -> Iterator[Problem]:
    """Check each section and each of its parameters by name and kind."""
    for section, values in config.items():
        known = catalog.parameters.get(str(section))
        if known is None:
            yield unknown("section", str(section), list(catalog.parameters))
        elif not isinstance(values, dict):
            yield wrong(str(section), "must hold parameters, one on each line")
        else:
            for key, value in values.items():
                yield from parameter_problems(str(section), str(key), value, known)


def parameter_problems(
    section: str, key: str, value: object, known: dict[str, ParameterKind]
) -> Iterator[Problem]:
    """Check one parameter; null stands for the library's default everywhere."""
    kind = known.get(key)
    if kind is None:
        yield unknown(f"parameter of {section}", key, list(known))
    elif kind != "any" and value is not None:
        types, words = KINDS[kind]
        mistaken = isinstance(value, bool) and kind != "boolean"
        if mistaken or not (isinstance(value, types) or (kind == "number" and is_number(value))):
            # Not the value: a ConfigMap may hold what nobody else shall read in a status or a plan.
            yield wrong(f"{section}.{key}", f"must be {words}, is {words_for(value)}")


def words_for(value: object) -> str:
    """Return of which kind a value is."""
    if isinstance(value, bool):
        return KINDS["boolean"][1]
    return next(words for types, words in KINDS.values() if isinstance(value, types))


def is_number(value: object) -> bool:
    """Whether a text is a number, as 2e-4 is, which YAML 1.1 reads as text."""
    try:
        float(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def unknown(what: str, name: str, known: list[str]) -> Problem:
    """Say that there is no such thing, and what there is."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return Problem(
        field="tuning.config",
        message=f"there is no {what} called {name!r}; {hint}there are {', '.join(sorted(known))}",
    )


def wrong(where: str, message: str) -> Problem:
    """Say what is wrong with a section or a parameter."""
    return Problem(field="tuning.config", message=f"{where} {message}")


def method_problems(config: JsonObject, method: str) -> Iterator[Problem]:
    """Check that the quantization is that of the method, which decides which one runs."""
    section = config.get("QuantizationConfig")
    section = section if isinstance(section, dict) else {}
    used = [key for key in QUANTIZED if section.get(key) is True]
    if len(used) > 1:
        yield wrong("QuantizationConfig", "cannot have both load_in_4bit and load_in_8bit")
    if method == "lora" and used:
        yield wrong(
            f"QuantizationConfig.{used[0]}", "must not be true for the method lora: use qlora"
        )
    if method == "qlora" and not used:
        yield wrong("QuantizationConfig", "needs load_in_4bit or load_in_8bit for the method qlora")


def path_problems(config: JsonObject) -> Iterator[Problem]:
    """Check that the results go to a directory of their own, where they are looked for."""
    arguments = config.get("TrainingArguments")
    written = arguments.get("output_dir") if isinstance(arguments, dict) else None
    path = results_path(config)
    below = path.startswith(f"{names.MOUNT_ROOT}/") and written not in ("", names.MOUNT_ROOT)
    taken = any(path == other or path.startswith(f"{other}/") for other in TAKEN_PATHS)
    # What a mount path may hold. https://kubernetes.io/docs/concepts/storage/volumes/
    possible = ":" not in path and len(path) <= LONGEST_PATH
    if not below or taken or not possible:
        yield wrong(
            "TrainingArguments.output_dir",
            f"leads to {path}, must be a directory of its own below {names.MOUNT_ROOT}, "
            "for example /mnt/results",
        )


def format_problems(config: JsonObject) -> Iterator[Problem]:
    """Check that the adapter is written in the one format that is delivered and served."""
    arguments = config.get("TrainingArguments")
    if isinstance(arguments, dict) and arguments.get("save_safetensors") is False:
        yield wrong(
            "TrainingArguments.save_safetensors",
            "must not be false: an adapter is served from its adapter_model.safetensors",
        )


def results_path(config: JsonObject) -> str:
    """Return the directory of the results; a relative one is meant below /mnt."""
    arguments = config.get("TrainingArguments")
    written = arguments.get("output_dir") if isinstance(arguments, dict) else None
    if not isinstance(written, str) or not written:
        return names.RESULTS_PATH
    if written.startswith(f"{names.MOUNT_ROOT}/"):
        return posixpath.normpath(written)
    return posixpath.normpath(posixpath.join(names.MOUNT_ROOT, written.lstrip("/")))


def resolved(config: JsonObject) -> JsonObject:
    """
    Return the configuration as the trainer shall read it.

    With the directory of the results written out, so that it writes where the volume is mounted;
    without nulls, which mean the default and which it would take for the text "None".
    """
    sections = {
        section: {key: value for key, value in (values or {}).items() if value is not None}
        for section, values in config.items()
    }
    arguments = {**sections.get("TrainingArguments", {}), "output_dir": results_path(config)}
    return {**sections, "TrainingArguments": arguments}


def config_name(name: str, text: str) -> str:
    """Return the name of a ConfigMap, which says what it holds."""
    return f"{name}-config-{hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]}"


def config_text(config: JsonObject) -> str:
    """Write a configuration as the trainer reads it: JSON, which is YAML, in one order of keys."""
    text = json.dumps({names.TRAINING_CONFIG: config}, indent=2, sort_keys=True, ensure_ascii=False)
    return text + "\n"
