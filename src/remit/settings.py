"""One frozen Settings, read from the environment (`REMIT_*`) and `remit.toml` beside the data."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from remit.errors import UserError


class Settings(BaseSettings):
    """What the person who runs Remit may set; every field is `REMIT_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="REMIT_", frozen=True, extra="ignore")

    database_url: str | None = Field(None, description="Your own PostgreSQL; unset: the embedded one.")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("remit", appauthor=False)),
        description="Where the embedded database and the runs' files live.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("remit", appauthor=False)),
        description="Where model weights are kept.",
    )
    model: str | None = Field(None, description="Default model as provider:model, or several with commas.")
    model_timeout: float = Field(120.0, gt=0, description="Seconds that one request to a provider may take.")
    endpoint_key: SecretStr | None = Field(None, description="API key for models given as http://…/v1#model.")
    price_input: Decimal | None = Field(None, description="US dollars a million input tokens, where unknown.")
    price_output: Decimal | None = Field(
        None, description="US dollars a million output tokens, where unknown."
    )
    local_weights: Path | None = Field(None, description="A GGUF file to use for the local model.")
    pool_size: int = Field(8, ge=2, le=100, description="Database connections a process may hold.")


@cache
def load() -> Settings:
    """The settings of this process. Raises UserError naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "REMIT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UserError(f"{name}: {first['msg']}") from error
