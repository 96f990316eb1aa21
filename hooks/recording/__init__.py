"""
Requests and their answers in files, without what may be secret in them, to be answered again.

What is hidden is in :mod:`composite.redaction`, what a file holds in :mod:`.exchange`, the folder
that stays within its limits in :mod:`.folder`, and what the server does with all three in
:mod:`.serving`.
"""
