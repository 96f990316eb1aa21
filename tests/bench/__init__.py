"""
How fast, how small, how far: measured by one command, ``make bench``.

Each part is a module that returns its tables, goals and pictures: :mod:`.core`, :mod:`.cli`,
:mod:`.server`, :mod:`.scale`, :mod:`.control_plane`, :mod:`.churn`. What compares is a ratio of
what was measured side by side in one run. :mod:`.page` makes ``docs/performance.md`` of what a run
has written.
"""
