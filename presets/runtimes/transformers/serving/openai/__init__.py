"""
OpenAI's API: ``/v1/models``, ``/v1/chat/completions`` and ``/v1/completions``.

https://platform.openai.com/docs/api-reference/chat
"""
