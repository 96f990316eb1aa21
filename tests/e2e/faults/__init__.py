"""The bundle under faults, on a real control plane: nothing leaks, nothing lies."""
