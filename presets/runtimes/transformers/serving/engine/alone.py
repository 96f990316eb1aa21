"""What only ``generate()`` can do, such as beams, without holding up the batch."""

import threading
from collections.abc import Callable

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria

from serving.engine.generation import Finish, Generation, GenerationError, Piece
from serving.engine.options import sentence

Deliver = Callable[[Generation, Piece | GenerationError], None]


class Turns(StoppingCriteria):
    """
    Stops ``generate()`` after each of its steps, until it is its turn again.

    So the model is in one hand at any moment, and a step of the batch follows each step here.
    """

    def __init__(self, generation: Generation, prompt_length: int, deliver: Deliver) -> None:
        self.generation = generation
        self.known = prompt_length
        self.deliver = deliver
        self.may_go = threading.Semaphore(0)
        self.has_gone = threading.Semaphore(0)

    def __call__(
        self, input_ids: torch.Tensor, _scores: torch.Tensor | None, **_: object
    ) -> torch.Tensor:
        """Deliver what is new if a single row streams, wait, and stop where nobody waits for it."""
        if self.generation.stream and input_ids.shape[0] == 1:
            fresh = tuple(int(token) for token in input_ids[0, self.known :].tolist())
            self.known = input_ids.shape[1]
            self.deliver(self.generation, Piece(fresh))
        self.has_gone.release()
        self.may_go.acquire()
        return torch.full((input_ids.shape[0],), self.generation.cancelled, device=input_ids.device)


class Alone:
    """
    A request in a thread of its own, which computes only while ``turn`` waits for it.

    Args:
        model: That of the batch.
        tokenizer: For the stop strings.
        generation: What is asked.
        deliver: Takes what comes.

    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        generation: Generation,
        deliver: Deliver,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.generation = generation
        self.deliver = deliver
        self.turns = Turns(generation, len(generation.prompt), deliver)
        self.done = False
        self.thread = threading.Thread(target=self.run, name="generate", daemon=True)
        self.thread.start()

    def turn(self) -> None:
        """Let it take one step, and wait for it."""
        self.turns.may_go.release()
        self.turns.has_gone.acquire()

    def run(self) -> None:
        """Answer the request, from the first turn on."""
        self.turns.may_go.acquire()
        try:
            self.deliver(self.generation, self.answer())
        except Exception as error:  # noqa: BLE001  (the client hears of it; the engine goes on)
            self.deliver(self.generation, GenerationError(sentence(error)))
        finally:
            self.done = True
            self.turns.has_gone.release()

    @torch.inference_mode()
    def answer(self) -> Piece:
        """Return all sequences, or the end of what was streamed."""
        plan, prompt = self.generation.plan, self.generation.prompt
        ids = torch.tensor([prompt], device=self.model.device)
        if plan.chooser.generator is not None:
            # `generate` knows no other source of random numbers.
            torch.manual_seed(plan.chooser.generator.initial_seed())
        found = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=plan.config,
            logits_processor=list(plan.extra),
            stopping_criteria=[self.turns],
            tokenizer=self.tokenizer,
        )
        answers = tuple(
            tuple(int(token) for token in sequence[len(prompt) :]) for sequence in found.tolist()
        )
        full = len(prompt) + len(answers[0]) >= plan.limit and answers[0][-1] not in plan.ends
        return Piece(
            tokens=() if self.generation.stream else answers[0],
            finish=Finish.LENGTH if full else Finish.STOP,
            sequences=answers,
        )
