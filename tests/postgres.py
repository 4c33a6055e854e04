"""A real PostgreSQL server, started for the tests and gone after them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

MISSING = "no PostgreSQL server here: install one (Debian: apt-get install postgresql)"


def _programs():
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def server():
    """Yields a function that gives the URL of a fresh, empty schema. Skips where there is no server to start."""
    driver = pytest.importorskip("psycopg", reason="pip install 'unleak[postgres]'")
    programs = _programs()
    if programs is None:
        pytest.skip(MISSING)
    place = Path(tempfile.mkdtemp(prefix="unleak-pg-", dir="/tmp"))
    user = {}
    if os.geteuid() == 0:  # the server does not run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        os.chown(place, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(program, *words):
        subprocess.run(
            [programs / program, *words], check=True, cwd=place, stdout=subprocess.DEVNULL, timeout=120, **user
        )

    settings = f"-c listen_addresses= -c unix_socket_directories={place} -c fsync=off -c max_connections=50"
    try:
        run("initdb", "-D", f"{place}/data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        run("pg_ctl", "-D", f"{place}/data", "-w", "-l", f"{place}/log", "-o", settings, "start")
        try:
            yield _schemas(driver, place)
        finally:
            run("pg_ctl", "-D", f"{place}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _schemas(driver, place):
    count = 0

    def fresh():
        nonlocal count
        count += 1
        with driver.connect(f"host={place} user=tests dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA s{count}")
        return f"postgresql://tests@/postgres?host={place}&options=-csearch_path%3Ds{count}"

    return fresh
