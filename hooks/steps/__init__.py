"""
The steps around a training, each a program of its own: fetch the data, push the adapter.

They run in the image of the hooks, which has no shell, and by hand. Nothing here knows the web
framework or the composites: what a step needs comes as arguments, time included.
"""
