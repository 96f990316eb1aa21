"""
Clusters to test on: a real control plane of programs built here, kind, or one that is there.

:mod:`.cluster` says what a cluster is; :mod:`.local`, :mod:`.kind` and :mod:`.existing` are where
it comes from; :mod:`.bundle` installs metakaito on it. ``make cluster`` is :mod:`.__main__`.
"""
