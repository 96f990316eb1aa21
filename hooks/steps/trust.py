"""Whose certificates are trusted: the system's authorities, or certifi's, and one of the user's."""

import ssl
from pathlib import Path

import certifi

from hooks.steps.failures import TryAgain


def trust(authority: Path | None = None) -> ssl.SSLContext:
    """
    Return what verifies the names and certificates of servers.

    Args:
        authority: A file with one more certificate authority, for a registry of one's own; it need
            not be there.

    Raises:
        TryAgain: The file holds no certificate.

    """
    context = ssl.create_default_context()
    # The image has no authorities but those that certifi brings.
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    if authority is not None and authority.is_file():
        try:
            context.load_verify_locations(authority)
        except (OSError, ValueError) as error:
            raise TryAgain(f"{authority} holds no certificate in PEM: {error}") from None
    return context
