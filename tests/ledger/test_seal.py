import pytest
from leaks import leak
from minting import mint
from nacl.public import PrivateKey

from scanner.errors import LedgerError, StateError
from scanner.ledger import Ledger
from scanner.ledger.seal import Opener, Sealer, make_key, read_key
from scanner.secret import Secret


def test_what_is_sealed_opens_with_the_private_key():
    key = PrivateKey.generate()
    sealer = Sealer(key.public_key)
    secrets = [Secret(mint(number)) for number in range(3)]
    sealed = [sealer.seal(secret) for secret in secrets]
    opener = Opener(key)
    assert [opener.open(sealer.data_key, one) for one in sealed] == secrets


def test_the_same_secret_is_never_sealed_to_the_same_bytes():
    sealer = Sealer(PrivateKey.generate().public_key)
    assert sealer.seal(Secret(mint(1))) != sealer.seal(Secret(mint(1)))


@pytest.mark.parametrize("place", [0, 30, -1])
def test_what_was_changed_does_not_open(place):
    key = PrivateKey.generate()
    sealer = Sealer(key.public_key)
    sealed = bytearray(sealer.seal(Secret(mint(1))))
    sealed[place] ^= 1
    with pytest.raises(LedgerError, match="does not open"):
        Opener(key).open(sealer.data_key, bytes(sealed))


def test_another_key_does_not_open_it():
    sealer = Sealer(PrivateKey.generate().public_key)
    with pytest.raises(LedgerError, match="does not open"):
        Opener(PrivateKey.generate()).open(sealer.data_key, sealer.seal(Secret(mint(1))))


def test_a_key_is_read_back_from_its_file(tmp_path):
    made = make_key(tmp_path / "key")
    assert bytes(read_key(tmp_path / "key")) == bytes(made)
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(
    "content", ["", "x25519-private", "x25519-private AAAA", "x25519-private ?", "other " + "A" * 44]
)
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(LedgerError, match="is no ledger key"):
        read_key(path)


def test_a_ledger_is_not_opened_with_another_ledgers_key(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak("a")])
        (tmp_path / "ledger.key").unlink()
        make_key(tmp_path / "ledger.key")
        with pytest.raises(LedgerError, match="is not the key"), ledger.reading() as connection:
            ledger.opener(connection)


def test_without_the_private_key_a_scanner_can_add_and_nobody_can_read(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak("a")])
        (tmp_path / "ledger.key").unlink()
        assert ledger.add([leak("b")]).queued == 1
        with pytest.raises(StateError, match=r"ledger\.key"), ledger.reading() as connection:
            ledger.opener(connection)
        assert not (tmp_path / "ledger.key").exists()


def test_a_key_that_was_made_just_before_a_crash_is_used(tmp_path):
    made = make_key(tmp_path / "ledger.key")
    with Ledger.open(tmp_path) as ledger:
        ledger.add([leak("a")])
    assert bytes(read_key(tmp_path / "ledger.key")) == bytes(made)
