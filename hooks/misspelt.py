"""Variables called ``METAKAITO_...`` that are no settings: misspelt ones, and those of others."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from composite.spelling import either

# Kubernetes gives every container METAKAITO_PORT=tcp://... and more of the kind when a Service of
# its namespace is called metakaito, or metakaito-and-more. Therefore no setting is called so.
# https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")

# Of metakaito's model server, presets/runtimes/transformers/serving/settings.py: whoever tries it
# out in a shell has some of them there.
OF_THE_RUNTIME = frozenset(
    {
        *("ADAPTER_PATH", "BASE_PORT", "BATCH_SIZE", "BODY_BYTES", "CACHE_SHARE", "GRACE_SECONDS"),
        *("HOST", "MODEL_NAME", "PID_FILE", "QUEUE_LENGTH", "QUEUE_WAIT_SECONDS"),
        "TERMINATION_LOG",
    }
)
# What is tried first for the address to listen on.
PORT = "PORT"
# Of this project's tests.
OF_TESTS = "TEST_"

# How alike a name has to be to be the one that was meant; without the prefix, which all share.
# With 0.5 VERSION would be PROVISIONER, and EXPORT RECORD.
ALIKE = 0.6


def misspelt(environment: Mapping[str, str], prefix: str, known: Sequence[str]) -> Iterator[str]:
    """
    Yield a line for each variable that is no setting, and nobody else's either.

    An empty one says nothing, as an empty setting does.

    Args:
        environment: All variables.
        prefix: How ours begin.
        known: The variables of the settings.

    """
    for variable, value in sorted(environment.items()):
        if variable in known or not value:
            continue
        if variable.upper() in known:
            yield f"{variable}: there is no such setting; did you mean {variable.upper()}?"
        elif variable.startswith(prefix) and not is_of_others(variable.removeprefix(prefix), value):
            yield f"{variable}: there is no such setting; {hint(variable, prefix, known)}"


def is_of_others(name: str, value: str) -> bool:
    """Whether a variable is of Kubernetes, of the model server or of tests; without the prefix."""
    if name == PORT:
        # That of a Service is a URL, and else it is meant for us.
        return "://" in value
    return (
        name in OF_THE_RUNTIME
        or name.startswith(OF_TESTS)
        or SERVICE_LINK.search(f"_{name}") is not None
    )


def hint(variable: str, prefix: str, known: Iterable[str]) -> str:
    """
    Return which setting was meant, or all of them where none is like it.

    A word of a setting's name comes first: KIND is more like BIND than like NODE_CLASS_KIND.
    """
    name, names = variable.removeprefix(prefix), [each.removeprefix(prefix) for each in known]
    if name == PORT:
        return f"did you mean {prefix}BIND, such as :8080?"
    word = name.upper()
    meant = [each for each in names if f"_{word}_" in f"_{each}_"]
    meant = meant or get_close_matches(word, names, n=1, cutoff=ALIKE)
    if meant:
        return f"did you mean {either([f'{prefix}{each}' for each in meant])}?"
    return f"after {prefix} comes {either(names)}"
