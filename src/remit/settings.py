"""One frozen Settings, read from the environment (`REMIT_*`) and `remit.toml` beside the data."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from remit.age import parse_age
from remit.errors import UserError
from remit.rate import Limit


def _age(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_age(value)
    except UserError as error:
        raise ValueError(str(error)) from None


Age = Annotated[timedelta, BeforeValidator(_age)]


class Settings(BaseSettings):
    """What the person who runs Remit may set; every field is `REMIT_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="REMIT_", frozen=True, extra="ignore")

    database_url: str | None = Field(None, description="Your own PostgreSQL; unset: the embedded one.")
    listen_url: str | None = Field(
        None,
        description="Where workers listen for new jobs, past a pooler; unset: they look each second there.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("remit", appauthor=False)),
        description="Where the embedded database and the runs' files live.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("remit", appauthor=False)),
        description="Where model weights are kept.",
    )
    model: str | None = Field(
        None,
        description="Default model as provider:model, or several with commas; unset: a provider's key, else a server on this "
        "machine, else the local model.",
    )
    model_timeout: float = Field(120.0, gt=0, description="Seconds that one request to a provider may take.")
    endpoint_key: SecretStr | None = Field(None, description="API key for models given as http://…/v1#model.")
    price_input: Decimal | None = Field(None, description="US dollars a million input tokens, where unknown.")
    price_output: Decimal | None = Field(
        None, description="US dollars a million output tokens, where unknown."
    )
    local_weights: Path | None = Field(
        None, description="A GGUF file to use for the local model; unset: fetched once."
    )
    lease_ttl: float = Field(
        6.0,
        ge=0.3,
        le=300,
        description="Seconds without a sign of life after which a process counts as dead.",
    )
    retain_archive_after: Age | None = Field(
        None, description="Archive runs that ended so long ago, as 90d; unset: none."
    )
    retain_delete_after: Age | None = Field(
        None, description="Delete archives of runs that ended so long ago, as 7y; unset: none."
    )
    max_open_runs: int = Field(
        100_000, ge=1, description="Runs that may be open at once; beyond, starting one more is refused."
    )
    tool_limits: dict[str, Limit] = Field(
        default_factory=dict,
        description='Limits of tools over all workers, over their own: {"http_get": {"rate": "60/m"}}.',
    )
    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description='People by group, for rules that ask `by: group:<name>`: {"finance": ["ann", "bo@x.example"]}.',
    )
    rules: Path | None = Field(
        None,
        description="The file of rules that hold for every agent; unset: rules.yaml in the data folder, if there.",
    )
    workspace: str = Field(
        "default",
        pattern="^[a-z0-9][a-z0-9-]{0,39}$",
        description="The workspace of commands; workers and the console serve all.",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Seals the secrets: 32 bytes in base64; unset: the file secret.key in the data folder.",
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$",
        description="Where the console is reached from elsewhere, as https://remit.shop.example: what a proxy in front answers to.",
    )
    oidc_issuer: str | None = Field(
        None,
        description="An OpenID provider by which people of all workspaces sign in, as https://login.shop.example.",
    )
    oidc_client_id: str | None = Field(None, description="The id that it has given to Remit.")
    oidc_client_secret: SecretStr | None = Field(None, description="The secret that goes with it.")
    oidc_title: str = Field("your organisation", description="How people call it: Sign in with ….")
    oidc_domains: tuple[str, ...] = Field(
        (),
        description='Domains of whose addresses everybody may come, to the first workspace: ["shop.example"].',
    )
    oidc_role: str | None = Field(
        None, description="As what those come: viewer, approver, operator, builder."
    )
    oidc_required: bool = Field(
        False, description="Passwords sign nobody in any more, only the provider does."
    )
    oidc_inner: bool = Field(False, description="The provider's host may be in the server's own network.")
    webhook_allow: tuple[str, ...] = Field(
        (),
        description="Hosts, addresses and networks of your own that webhooks may reach beside the public internet; a host "
        'that is named in full by http:// too: ["hooks.internal", "10.1.0.0/16"].',
    )
    pool_size: int = Field(
        8,
        ge=3,
        le=100,
        description="Database connections a process may hold; two are the journal's and the leases'.",
    )

    def within(self, workspace: str) -> Settings:
        """The settings of another workspace. Rules and groups of the environment are the first one's."""
        first = workspace == "default"
        if workspace == self.workspace and (first or not (self.groups or self.rules)):
            return self
        own: dict[str, object] = {} if first else {"groups": {}, "rules": None}
        return self.model_copy(update={"workspace": workspace, **own})


@cache
def load() -> Settings:
    """The settings of this process. Raises UserError naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "REMIT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UserError(f"{name}: {first['msg']}") from error
