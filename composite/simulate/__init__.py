"""
The embedded cluster: our hooks played against a whole cluster in memory, in virtual time.

Read :mod:`.run` for the story of one play, then :mod:`.cluster` for who acts in it.
:mod:`.syncing` knows Metacontroller's semantics and, with :mod:`.children`, :mod:`.appliers` and
:mod:`.related`, nothing of where objects are kept nor of when it works: ``metakaito dev`` has it
work on a real API server. Here :mod:`.metacontroller` says when, and :mod:`.memory` keeps the
objects. The rest is what else lives in a cluster: :mod:`.provisioner`, :mod:`.workloads`,
:mod:`.jobs`, :mod:`.scheduler`, :mod:`.kubelet`, :mod:`.job_kubelet`, :mod:`.janitor`, and the
:mod:`.user` of a :mod:`.scenario`.

Nothing here reads a clock, a file or the environment: same input, same bytes.
"""

from composite.simulate.clock import START, Clock
from composite.simulate.cluster import Cluster
from composite.simulate.columns import columns
from composite.simulate.controllers import Controller, controllers
from composite.simulate.errors import HookError, HotLoop, MetacontrollerCrash
from composite.simulate.hooks import Exchange, Hooks
from composite.simulate.objects import Ref
from composite.simulate.run import Run, simulate
from composite.simulate.scenario import Scenario
from composite.simulate.timeline import Entry
from composite.simulate.world import Gpus, gpus_in

__all__ = [
    "START",
    "Clock",
    "Cluster",
    "Controller",
    "Entry",
    "Exchange",
    "Gpus",
    "HookError",
    "Hooks",
    "HotLoop",
    "MetacontrollerCrash",
    "Ref",
    "Run",
    "Scenario",
    "columns",
    "controllers",
    "gpus_in",
    "simulate",
]
