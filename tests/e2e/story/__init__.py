"""From a data set to an answer, on real nodes: what only the whole of it can show."""
