"""Our own hooks without HTTP between: the answers a server would give, at virtual time."""

from pydantic import ValidationError

from composite import machines, workspace
from composite.catalog import Catalog
from composite.models import JsonObject, Unreadable
from composite.refusal import Unplannable
from composite.simulate.clock import Clock
from composite.simulate.errors import HookError


class InProcess:
    """
    The four hooks as functions.

    Args:
        catalog: Presets and instance types.
        clock: The clock of the cluster they answer.

    """

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """
        Return the answer to one request.

        Raises:
            HookError: With the status that the server would answer.

        """
        try:
            return self._answer(path, body)
        except ValidationError as error:
            raise HookError(
                f"{path}: {error.error_count()} mistakes in the request", 422
            ) from error
        except Unreadable as error:
            raise HookError(f"{path}: {error} cannot be read", 422) from error
        except Unplannable as error:
            raise HookError(f"{path}: {error}") from error

    def _answer(self, path: str, body: JsonObject) -> JsonObject:
        now, catalog = self._clock.now, self._catalog
        match path:
            case "/workspaces/sync":
                request = workspace.Request.model_validate(body)
                return workspace.sync(request, catalog, now).to_json()
            case "/workspaces/customize":
                question = workspace.CustomizeQuestion.model_validate(body)
                return workspace.customize(question, catalog).to_json()
            case "/machines/sync":
                space = machines.Request.model_validate(body)
                return machines.sync(space, catalog, now).to_json()
            case "/machines/customize":
                about = machines.CustomizeQuestion.model_validate(body)
                return machines.customize(about, catalog).to_json()
            case _:
                raise HookError(f"{path}: not found", 404)
