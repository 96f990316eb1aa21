"""
Bring a model's weights from Hugging Face into a volume, before a server or a trainer starts.

``fetch_weights.py`` is its program. It is an init step: it ends with the weights being there as a
whole, and a Pod that starts again finds them and fetches nothing.
"""
