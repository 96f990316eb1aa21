"""Which of its two forms ``GET /metrics`` answers with."""

PROMETHEUS_TYPES = ("text/plain", "application/openmetrics-text")
"""
Media types that Prometheus asks for.

https://prometheus.io/docs/instrumenting/content_negotiation/
"""


def prefers_prometheus(accept: str | None) -> bool:
    """
    Say whether an ``Accept`` header asks for Prometheus' text rather than for Kaito's JSON.

    JSON is what Kaito's clients, which send no header or ``*/*``, have always got; so text is
    answered only where one of Prometheus' types is named and JSON is not preferred to it.

    Args:
        accept: The header as it came; None if there was none.

    """
    weights = dict(map(parsed_range, (accept or "").split(",")))
    text = max((weights.get(media, 0.0) for media in PROMETHEUS_TYPES), default=0.0)
    return text > 0 and text >= weights.get("application/json", 0.0)


def parsed_range(media_range: str) -> tuple[str, float]:
    """Return a media type of an ``Accept`` header and how much it is wanted, 0 to 1 (default)."""
    media, *parameters = (part.strip().lower() for part in media_range.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media, float(value)
            except ValueError:
                return media, 0.0
    return media, 1.0
