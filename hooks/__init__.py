"""
The imperative shell: HTTP, environment, logs, metrics and the clock, around :mod:`composite`.

Nothing is imported here: the command line starts without Flask, and the server decides how metrics
are kept before :mod:`prometheus_client` is loaded.
"""
