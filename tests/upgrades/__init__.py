"""
What an upgrade of the hooks does to a fleet that runs.

``fleet`` has Workspaces of every kind, ``released`` what the last released version answered for
each once it ran. A play lets those answers run in the embedded cluster, has today's hooks answer
from then on, and tells what became of the pods, the Machines and every field.

``python -m tests.upgrades report`` tells it, ``python -m tests.upgrades release`` makes today's
answers the new baseline.
"""
