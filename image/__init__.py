"""
The container images, made by Python: the interpreter, what a lock pins, our code, a bill of it.

A ``Dockerfile`` runs it inside a pinned base image; where there is no Docker, the same steps take
this machine's Python and write an archive that container runtimes import. Nothing else is in an
image: no compiler, no pip, and a shell only where command lines need it, in that of the runtime for
models. Its users are numbers, and its files need not be written to.
"""
