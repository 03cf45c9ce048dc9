"""Secrets of a feed: its YAML names the environment variable, never the value."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MissingSecretError(RuntimeError):
    """The environment variable that a feed names is not set."""


class FromEnvironment(BaseModel):
    """``{env: NAME}`` in a feed's YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")

    def secret(self) -> SecretStr:
        """The value.

        Raises:
            MissingSecretError: the variable is not set.
        """
        value = os.environ.get(self.env)
        if value is None:
            raise MissingSecretError(f"set the environment variable {self.env}")
        return SecretStr(value)
