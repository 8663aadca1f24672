"""Brings the database to the schema of this program. Alembic is imported only where there is work to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from storecast.errors import SetupError

__all__ = ["HEAD", "downgrade", "revision", "upgrade"]

HEAD = "0006"
_LOCATION = Path(__file__).parent / "migrations"


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; none where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _run(connection: Connection, target: str, *, down: bool = False) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_LOCATION).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    def steps(at: object, context: MigrationContext) -> object:
        move = scripts._downgrade_revs if down else scripts._upgrade_revs
        return move(target, at)  # type: ignore[arg-type]

    try:
        with EnvironmentContext(config, scripts, fn=steps, destination_rev=target) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
    except (CommandError, RevisionError) as error:
        raise SetupError(
            "the forecast log's database was made by another version of Storecast",
            expected=f"revision {HEAD} or an earlier one",
            found=str(error).splitlines()[0],
            remedy="run the newest version of Storecast that has used this database",
        ) from error


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Run what is missing up to ``target``, in the transaction of ``connection``.

    Raises ``SetupError`` where the database is at a revision that this program does not know.
    """
    if revision(connection) != target:
        _run(connection, target)


def downgrade(connection: Connection, target: str = "base") -> None:
    """Go back to revision ``target``; what the later revisions brought is lost."""
    _run(connection, target, down=True)
