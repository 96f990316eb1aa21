"""Last of all: whatever had come to rest has stayed so, whatever happened to others."""

import time

from tests.e2e.faults.rest import REST_SECONDS, AtRest, machine_uids, now, told_since, writes
from tests.stories.table import Measured


def test_what_was_at_rest_was_never_written_again(rested: list[AtRest], measured: Measured) -> None:
    assert rested, "no fault was played before"
    rest = max(each.since for each in rested)
    time.sleep(max(0.0, REST_SECONDS - (now() - rest).total_seconds()))
    written = {}
    for each in rested:
        log = each.stage.bundle.cluster.audit
        assert log is not None
        before, since = writes(each, log)
        assert before, f"nothing was written about {each.stage.namespace}, or nobody noted it"
        if since:
            written[each.stage.story] = [*since, *told_since(each)]
        assert machine_uids(each.stage) == each.machines
    assert written == {}
    shortest = min((now() - each.since).total_seconds() for each in rested)
    longest = max((now() - each.since).total_seconds() for each in rested)
    measured["writes after each fault, once at rest"] = (
        f"0 in {shortest:.0f} to {longest:.0f} s, {len(rested)} namespaces"
    )
