"""Settings from the environment; read by wiring and entry points, handed to everybody else as values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from storecast.errors import SetupError

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Each may be set as an environment variable ``STORECAST_<NAME>``, or lie as a file ``storecast_<name>``
    in the folder that ``STORECAST_SECRETS`` names; raises SetupError for a value that is none."""

    model_config = SettingsConfigDict(env_prefix="STORECAST_", extra="ignore", frozen=True)

    home: Path = Field(default=Path(".storecast"), description="folder of all local state")
    tracking_uri: str = Field(
        default="", description="MLflow tracking server; empty: SQLite in the home folder"
    )
    name: str = Field(default="storecast", description="registered model name")
    unit: str = Field(default="$", description="what sales are counted in: a currency sign or a unit")
    log_url: str = Field(
        default="",
        description="database of the forecast log (SQLAlchemy URL); empty: SQLite in the home folder",
    )
    studies_url: str = Field(
        default="",
        description="database of studies (SQLAlchemy URL) for `tune`; empty: SQLite in the home folder",
    )
    redis_url: str = Field(
        default="", description="Redis shared by workers for caches and limits; empty: none"
    )
    rate_limit: float = Field(
        default=500.0, ge=0.0, description="requests a second that one API key may make; 0: no limit"
    )
    drain_seconds: float = Field(
        default=2.0, ge=0.0, description="after SIGTERM, how long requests are still taken on"
    )
    access_log: bool = Field(
        default=False, description="a line for every request, not only slow and failed ones"
    )
    otlp_endpoint: str = Field(
        default="",
        description="where traces go by OTLP over HTTP, such as http://localhost:4318; empty: nowhere",
    )
    log_days: int = Field(
        default=0, ge=0, description="how many days the service keeps what it answered; 0: for ever"
    )
    dataset_days: int = Field(
        default=0, ge=0, description="how many days the service keeps uploaded data sets; 0: for ever"
    )
    signing_key_file: str = Field(
        default="",
        description="private key that signs versions; empty: one in the home folder, made when needed",
    )
    trust_file: str = Field(
        default="", description="list of trusted keys and revoked versions; empty: one in the home folder"
    )
    require_signature: bool | None = Field(
        default=None,
        description="whether a version must be signed by a trusted key; unset: where the list has a key",
    )
    backup_to: str = Field(
        default="",
        description="where backups go: a folder, or s3://bucket/prefix; empty: as the command says",
    )
    backup_key_file: str = Field(
        default="", description="file with the key that encrypts backups, 64 hex digits; empty: not encrypted"
    )
    backup_spools: str = Field(
        default="",
        description="spool folders of services with a home of their own, joined by colons, that a backup "
        "takes too; empty: only the home's",
    )
    s3_endpoint: str = Field(
        default="", description="address of another S3 than Amazon's that keeps the backups"
    )
    pseudonym_key_file: str = Field(
        default="",
        description="file with the key of pseudonyms in exports, 64 hex digits; empty: none are made",
    )
    tls_cert_file: str = Field(
        default="",
        description="certificate (chain) service and web app answer with over TLS; empty: plain HTTP",
    )
    tls_key_file: str = Field(default="", description="private key of that certificate")
    service_ca_file: str = Field(
        default="", description="authorities the web app trusts for the service; empty: the system's"
    )
    service_url: str = Field(
        default="http://127.0.0.1:8000", description="where the web app finds the service"
    )
    web_host: str = Field(
        default="127.0.0.1",
        description="address the web app listens on; others than this machine's ask everybody for a key",
    )
    debug: bool = Field(default=False, description="show tracebacks")

    def __init__(self, **values: Any) -> None:
        folder = os.environ.get("STORECAST_SECRETS", "")
        try:
            super().__init__(_secrets_dir=folder if os.path.isdir(folder) else None, **values)
        except ValidationError as error:
            first = error.errors()[0]
            raise SetupError(
                "A setting has a value that it cannot have.",
                where="STORECAST_" + "_".join(str(part) for part in first["loc"]).upper(),
                expected=first["msg"],
                found=str(first["input"]),
                remedy="Correct the environment variable, or unset it.",
            ) from error
