"""
What is installed: the Helm chart, and everything in it that follows from the code.

``metakaito/`` is the chart and ``metakaito-crds/`` a second one for the CRDs alone. What they say
twice, or what the composites already know, is written by ``python -m charts``.
"""
