"""
Measures the model server against transformers' pipeline: tokens per second, time to first token.

Both answer the same prompts with the same random model, in turns within each round, so that
whatever else the machine does falls on both. Goals are ratios: 0.9 of the pipeline with one client,
and three times that of one client with 16.
"""
