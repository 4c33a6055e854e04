"""Single facts that the ledger keeps under a name."""

from sqlalchemy import Connection, delete, insert, select, update

from scanner.ledger.schema import settings


def recall(connection: Connection, name: str) -> str | None:
    """The value that is kept under a name, or None."""
    return connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()


def remember(connection: Connection, name: str, value: str) -> None:
    """Keep a value under a name."""
    changed = connection.execute(update(settings).where(settings.c.name == name).values(value=value))
    if not changed.rowcount:
        connection.execute(insert(settings).values(name=name, value=value))


def forget(connection: Connection, name: str) -> None:
    """Keep nothing under a name."""
    connection.execute(delete(settings).where(settings.c.name == name))
