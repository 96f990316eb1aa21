"""What the tokenizer is learned from: the words that demonstrations use."""

TEXT = """\
One short Kubernetes object becomes GPU nodes and a running model server, or a fine-tuned model.
You write which model, on which kind of node, and the nodes come, the server starts, the model
answers. What is a GPU? A GPU is a processor that does many small sums at once. What is a node? A
node is a machine that runs containers. What is an adapter? An adapter is a small set of weights
that changes what a model says. What is a Workspace? A Workspace names a model and a kind of node.
What is a prompt? A prompt is the text that a model continues. Who are you? I am a very small
model with random weights. The quick brown fox jumps over the lazy dog. Good morning, good
evening, good night. The answer is yes. The answer is no. I do not know. the a an of to in is are
was were be been and or not with for from that this these those which what who when where how why
one two three four five six seven eight nine ten time day year people way thing man world life
hand part
"""
