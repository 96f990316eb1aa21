"""
Hostile requests for the hooks, a million by default, and the laws that every answer keeps.

``python -m tests.fuzz --help``. Request number 4711 of seed 1 is the same on every machine.
"""
