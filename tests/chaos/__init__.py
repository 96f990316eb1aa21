"""Random stories in the embedded cluster, and the laws that hold in each; docs/chaos.md."""
