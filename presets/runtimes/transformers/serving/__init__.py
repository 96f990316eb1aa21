"""
The model server: loads a model with its adapters and answers over HTTP, many clients at once.

Start at ``program.py``, then ``app.py`` (what is asked), then ``engine/`` (how it is answered).
"""
