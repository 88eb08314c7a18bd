"""The operator's secrets: where they come from, and how a run gets at them.

A document only ever holds a secret's name. A node is given its value when its params are evaluated, and from then on
the run's mask covers it in everything the run says.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from bluev_actors.engine.mask import Mask
from bluev_actors.errors import ConfigError, ParamError
from bluev_actors.workflows.interpolation import SECRET, is_secret
from bluev_actors.workflows.values import is_list, is_object
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from bluev_actors.workflows.values import Json

ENV_PREFIX: Final = "BLUEV_ACTORS_SECRET_"
"""What comes before a secret's name in the environment."""


@frozen
class Secrets:
    """Secrets by name. Its `repr` tells none of them."""

    _values: Mapping[str, str] = field(factory=dict[str, str], repr=False)

    @classmethod
    def read(cls, file: Path | None, environ: Mapping[str, str]) -> Secrets:
        """Read them from a TOML file of name = value, and from the environment, which goes first.

        Args:
            file: the file, if there is one.
            environ: the environment; `BLUEV_ACTORS_SECRET_X` gives the secret `X`.

        Raises:
            ConfigError: the file cannot be read, or a secret is no text. No message holds a secret.
        """
        values = {} if file is None else _from_file(file)
        given = {name.removeprefix(ENV_PREFIX): name for name in environ if name.startswith(ENV_PREFIX)}
        values.update((name, _checked(environ[variable], variable)) for name, variable in given.items() if name)
        return cls(values)

    @property
    def names(self) -> Collection[str]:
        """What they are called."""
        return self._values.keys()

    def value(self, name: str) -> str:
        """The secret of this name.

        Raises:
            ParamError: there is none, with the code `unknown_secret`.
        """
        try:
            return self._values[name]
        except KeyError:
            message = f"no secret {quoted(name)} is known; the operator has to give it"
            raise ParamError("unknown_secret", message) from None


@define(eq=False)
class RunSecrets:
    """The secrets as one run gets at them, and the mask over those that it was given.

    Attributes:
        mask: covers every secret that was handed out to this run.
    """

    _secrets: Secrets
    mask: Mask = field(factory=Mask, init=False)

    def reveal(self, name: str) -> str:
        """Hand out a secret; `NodeParams.evaluate` takes this as its `reveal`.

        Raises:
            ParamError: there is none, with the code `unknown_secret`.
        """
        value = self._secrets.value(name)
        self.mask.cover(value)
        return value

    def recall(self, document: Json) -> None:
        """Cover all that the run was or may be given: after a restart nobody knows what had been handed out."""
        for name in _named_in(document):
            if name in self._secrets.names:
                self.mask.cover(self._secrets.value(name))


def _named_in(value: Json) -> Iterator[str]:
    if is_secret(value):
        yield value[SECRET]
    elif is_object(value):
        for item in value.values():
            yield from _named_in(item)
    elif is_list(value):
        for item in value:
            yield from _named_in(item)


def _from_file(file: Path) -> dict[str, str]:
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the secrets file {file} cannot be read: {error.strerror}") from None
    except ValueError:  # what a parser says may quote the line, and the line may be the secret
        raise ConfigError(f'the secrets file {file} is no TOML of lines such as API_TOKEN = "..."') from None
    return {name: _checked(value, f"{name} in {file}") for name, value in found.items()}


def _checked(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"the secret {where} has to be a text in quotes")
    if not value.strip():
        raise ConfigError(f"the secret {where} is empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"the secret {where} is not valid text in UTF-8") from None
    return value
