"""
What Prometheus shall call somebody for, as the ``spec`` of a PrometheusRule.

Every number comes from ``/metrics`` of the hooks (:mod:`hooks.metrics`) or of Metacontroller; a
test holds the names against what they expose. No alert names a Workspace, for a series for each of
them would stay for ever: the descriptions say which command names them.
"""

from typing import Literal, NamedTuple

from composite.models import JsonObject

# Metacontroller's work queues are called after our controllers.
# https://github.com/metacontroller/metacontroller/blob/v4.17.2/pkg/controller/composite/controller.go
QUEUES = 'name=~"(Composite|Decorator)Controller-metakaito-.+"'

# Marks what the same program exposes; job and instance are Prometheus' own labels.
METACONTROLLER = 'workqueue_depth{name="CompositeController-metakaito-workspaces"}'

# A refusal has an alert of its own, and a training that failed waits for nothing but its owner.
_WAITS = 'reason!~"Refused|WorkspaceTuningJobStatusFailed"'
_MACHINES = 'metakaito_requests_total{hook="machines/sync"}'
_LOOK = "`kubectl get workspaces --all-namespaces -o wide` names them and the cause."

Severity = Literal["critical", "warning", "info"]


class Alert(NamedTuple):
    """One alert: when ``expression`` has held for ``minutes``."""

    name: str
    severity: Severity
    minutes: int
    expression: str
    summary: str
    description: str


ALERTS = (
    Alert(
        "MetakaitoHooksDown",
        "critical",
        5,
        "absent(metakaito_build_info)",
        "No hook answers Prometheus",
        "Models go on serving, but nothing is made, repaired or deleted until the hooks are back. "
        "Look at the Pods of the Deployment.",
    ),
    # Namespaces are parents too, and each cluster has some: their resyncs come whatever happens.
    # Where no machines are made no namespace is asked about, and this is never said.
    Alert(
        "MetakaitoNotAsked",
        "critical",
        15,
        f"sum(increase({_MACHINES}[1d])) > 0 unless sum(increase({_MACHINES}[1h])) > 0",
        "Metacontroller asks the hooks nothing any more",
        "For more than an hour there was no sync of any namespace, although each one is due in "
        "every resync period. Look at Metacontroller's log and at the NetworkPolicy.",
    ),
    Alert(
        "MetakaitoHookErrors",
        "warning",
        10,
        'sum by (hook, code) (rate(metakaito_requests_total{code!="200"}[10m])) > 0',
        "{{ $labels.hook }} answers {{ $labels.code }}",
        "Metacontroller changes nothing where the answer is not 200, and asks again. The body of "
        "the answer is in an Event of the Workspace, a traceback in the log of the hooks. 401: the "
        "token differs; 422: another version of Metacontroller.",
    ),
    # What takes longer than the buckets tell is more than 1 s; Metacontroller gives up after 10.
    Alert(
        "MetakaitoHooksSlow",
        "warning",
        15,
        '1 - sum by (hook) (rate(metakaito_request_duration_seconds_bucket{le="1.0"}[10m])) '
        "/ sum by (hook) (rate(metakaito_request_duration_seconds_count[10m])) > 0.05",
        "More than a twentieth of the answers of {{ $labels.hook }} take over a second",
        "Give the hooks more CPU, workers or replicas.",
    ),
    # A Workspace takes about a dozen syncs until it serves, and one in each resync period of 15
    # minutes after that. 5 in a second for so long are 500 new Workspaces, or 4,500 at rest.
    Alert(
        "MetakaitoHotLoop",
        "warning",
        20,
        'sum by (hook) (rate(metakaito_requests_total{hook=~".+/sync"}[10m])) > 5',
        "{{ $labels.hook }} is asked more than 5 times in a second, and it does not end",
        "Something that each sync writes is changed back by somebody else. The hooks log one line "
        "for each answer: the name that is in most of them is the object to look at.",
    ),
    # The window is longer than a resync period, in which each Workspace is seen once at least.
    Alert(
        "MetakaitoWorkspaceStuck",
        "warning",
        5,
        f"sum by (condition, reason) (increase(metakaito_unready_seconds_count{{{_WAITS}}}[1h])) "
        "- sum by (condition, reason) "
        f'(increase(metakaito_unready_seconds_bucket{{le="3600.0",{_WAITS}}}[1h])) > 0.5',
        "{{ $labels.condition }} of a Workspace is not true for more than an hour",
        f"The reason is {{{{ $labels.reason }}}}. {_LOOK}",
    ),
    Alert(
        "MetakaitoWorkspaceRefused",
        "info",
        0,
        "sum by (field) (increase(metakaito_refusals_total[1h])) > 0",
        "A Workspace is refused for {{ $labels.field }}",
        "What was accepted before is kept. The condition Accepted says what to change; "
        "`kubectl describe workspace` shows it.",
    ),
    Alert(
        "MetakaitoWorkQueue",
        "warning",
        15,
        f"max by (name) (workqueue_depth{{{QUEUES}}}) > 100",
        "More than 100 objects wait in {{ $labels.name }}",
        "Metacontroller does not keep up: raise its workers, qps and burst, and see whether the "
        "hooks are slow.",
    ),
    # Not found and conflicts are everyday; these two never mend themselves.
    Alert(
        "MetakaitoForbidden",
        "warning",
        10,
        'sum by (method, code) (rate(rest_client_requests_total{code=~"403|422"}[10m]) '
        f"and on (job, instance) {METACONTROLLER}) > 0",
        "The API server answers {{ $labels.code }} to a {{ $labels.method }} of Metacontroller",
        "403: a right is missing, see `metakaito generate rbac`; 422: an object is refused, by its "
        "schema or by a policy. Metacontroller's log and the Events of the Workspace say which.",
    ),
)


def prometheus_rule_spec() -> JsonObject:
    """Return the ``spec`` of a PrometheusRule with every alert."""
    return {"groups": [{"name": "metakaito", "rules": [rule(alert) for alert in ALERTS]}]}


def rule(alert: Alert) -> JsonObject:
    """Return an alert in Prometheus' words."""
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": f"{alert.minutes}m",
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }
