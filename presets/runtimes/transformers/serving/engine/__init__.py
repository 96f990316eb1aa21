"""
Answers many requests at once: a batch that requests join and leave between two steps.

transformers 5.24 has continuous batching of its own (``ContinuousBatchingManager``). It is not
used, because with it Falcon fails (its attention knows no paged cache), a request cannot have a
seed, its own ``do_sample`` or stop criteria, and processors such as repetition penalty and minimum
length are dropped with a warning. Here each row has transformers' own logits processors, and greedy
answers are those of ``generate()`` token for token.
"""
