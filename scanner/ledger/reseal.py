"""Every secret encrypted anew, under data keys that are sealed to another public key."""

from typing import Final

from nacl.public import PublicKey
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from scanner.ledger.schema import data_keys, inserted, secrets
from scanner.ledger.seal import Opener, Sealer

_CHUNK: Final = 5000  # secrets under one data key, and in memory at once


def reseal(connection: Connection, opener: Opener, public: PublicKey) -> int:
    """Encrypt every secret anew.

    Args:
        connection: A transaction that writes.
        opener: What opens them now.
        public: What they are sealed to.

    Returns:
        How many there are.

    Raises:
        LedgerError: One does not open.
    """
    before = connection.execute(select(data_keys.c.id)).scalars().all()
    query = select(secrets.c.finding_id, data_keys.c.sealed, secrets.c.sealed).join(data_keys)
    change = (
        update(secrets)
        .where(secrets.c.finding_id == bindparam("number"))
        .values(data_key_id=bindparam("key"), sealed=bindparam("anew"))
    )
    count, last = 0, 0
    while rows := connection.execute(
        query.where(secrets.c.finding_id > last).order_by(secrets.c.finding_id).limit(_CHUNK)
    ).all():
        sealer = Sealer(public)
        key = inserted(connection.execute(insert(data_keys).values(sealed=sealer.data_key)))
        anew = [
            {"number": number, "key": key, "anew": sealer.seal(opener.open(sealed_key, sealed))}
            for number, sealed_key, sealed in rows
        ]
        connection.execute(change, anew)
        count, last = count + len(rows), rows[-1][0]
    for number in before:
        connection.execute(delete(data_keys).where(data_keys.c.id == number))
    return count
