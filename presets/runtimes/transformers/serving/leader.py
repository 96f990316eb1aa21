"""What the first process does: listens at once, loads meanwhile, answers, and ends in order."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import transformers

from serving.adapters import adapter_directories, planned_adapters
from serving.app import create_app
from serving.arguments import Arguments
from serving.engine.scheduler import Scheduler
from serving.listening import Server, listening_socket
from serving.loading import load_model, one_line
from serving.process import leave_at_once
from serving.refusal import LoadError
from serving.service import Service, limits, require_finite_scores
from serving.settings import Settings, adapter_strengths

LOG = logging.getLogger("metakaito")


async def serve(settings: Settings, arguments: Arguments) -> int:
    """
    Listen at once, load meanwhile, and answer until told to end.

    Raises:
        LoadError: The model or an adapter cannot be loaded.
        ListenError: The port cannot be had.

    """
    log_transformers(settings)
    service = Service(settings, arguments)
    sockets = [listening_socket(settings.host, settings.port)]
    LOG.info("Listening on %s:%d", settings.host, settings.port)
    loop = asyncio.get_running_loop()
    server = Server(create_app(service), settings, lambda: post(loop, begin_end))
    failure: list[Exception] = []

    def begin_end() -> None:
        LOG.info("Asked to end: answering what is being answered")
        if service.scheduler is not None:
            service.scheduler.close()
            loop.call_later(settings.grace_seconds, service.scheduler.abort)

    def load() -> None:
        try:
            load_service(service, loop)
        except Exception as error:  # noqa: BLE001  (the event loop raises it)
            failure.append(error)
            server.should_exit = True

    # Its own thread and not the loop's executor: a load that is under way must not hold up the end.
    loading = threading.Thread(target=load, name="loading", daemon=True)
    loading.start()
    await server.serve(sockets)
    if service.scheduler is not None:
        service.scheduler.abort()
        service.scheduler.join(5)
    if failure:
        raise as_load_error(arguments, failure[0])
    LOG.info("Ended")
    if loading.is_alive():
        # Python would wait for nobody, and take the interpreter away from under its feet.
        leave_at_once()
    return 0


def post(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Have something called by the event loop, from a signal's handler."""
    loop.call_soon_threadsafe(call)


def as_load_error(arguments: Arguments, error: Exception) -> Exception:
    """Return one sentence for whatever went wrong while loading; the rest is in the log."""
    if isinstance(error, LoadError):
        return error
    LOG.error("loading failed", exc_info=error)
    return LoadError(
        f"{arguments.path}: cannot be loaded: {type(error).__name__}: {one_line(error)}"
    )


def load_service(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """
    Load the model and its adapters, and begin to answer.

    Raises:
        LoadError: One of them cannot be loaded.

    """
    settings, arguments = service.settings, service.arguments
    begun = time.monotonic()
    directories = adapter_directories(settings.adapter_path)
    strengths = adapter_strengths([each.name for each in directories])
    adapters = planned_adapters(directories, strengths)
    model, tokenizer = load_model(arguments)
    if adapters:
        from serving.lora import with_adapters  # noqa: PLC0415  (PEFT takes seconds to import)

        model = with_adapters(model, adapters, arguments.combination_type)
    else:
        LOG.warning("Did not find any valid adapters mounted at %s", settings.adapter_path)
    require_finite_scores(model, [each.name for each in adapters if each.strength != 0])
    service.model, service.tokenizer = model, tokenizer
    LOG.info("Model loaded successfully")
    taken = limits(settings, model, tokenizer)
    scheduler = Scheduler(model, tokenizer, taken, service.metrics, loop)
    scheduler.start()
    service.scheduler = scheduler
    LOG.info("Answering as %r after %.1f s", service.name, time.monotonic() - begun)


def log_transformers(settings: Settings) -> None:
    """Have transformers' messages in our log."""
    transformers.logging.set_verbosity(logging.INFO if settings.debug else logging.WARNING)
    transformers.logging.enable_propagation()
    transformers.logging.disable_default_handler()
    # It would warn at every request of the defaults of Kaito's that do not matter to it.
    logging.getLogger("transformers.generation.configuration_utils").setLevel(logging.ERROR)
