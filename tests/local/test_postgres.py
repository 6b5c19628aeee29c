import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from app.local import account, postgres
from app.local.cluster import PostgresFailed
from app.local.postgres import Postgres


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "postgres"
    for process in postgres._processes(tmp_path / "postgres"):
        process.kill()


def _count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _fill(server: Postgres, rows: int) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, %s)", [rows])


def test_what_was_written_is_there_after_a_restart(directory: Path) -> None:
    first = postgres.start(directory)
    _fill(first, 3)
    assert postgres.running_url(directory) == first.url
    first.stop()
    assert postgres.running_url(directory) is None
    second = postgres.start(directory)
    try:
        assert _count(second.url) == 3
    finally:
        second.stop()


def test_a_committed_row_survives_kill_9_of_the_server(directory: Path) -> None:
    server = postgres.start(directory)
    _fill(server, 1000)
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    again = postgres.start(directory)
    try:
        assert _count(again.url) == 1000
    finally:
        again.stop()


def test_the_server_of_a_killed_process_ends_and_the_next_start_works(directory: Path) -> None:
    code = (
        "import sys, pathlib; from app.local import postgres;"
        "server = postgres.start(pathlib.Path(sys.argv[1]));"
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        orphan = int(holder.stdout.readline())
        holder.kill()
    again = postgres.start(directory)
    try:
        assert again.pid != orphan
        assert not psutil.pid_exists(orphan) or not psutil.Process(orphan).is_running()
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        again.stop()


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_block(directory: Path) -> None:
    postgres.start(directory).stop()
    pid_file = directory / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n{directory / 'data'}\n1\n5432\n\n127.0.0.1\n\nready\n")
    assert postgres.running_url(directory) is None
    server = postgres.start(directory)
    server.stop()


def test_a_second_start_on_the_same_directory_is_refused(directory: Path) -> None:
    server = postgres.start(directory)
    try:
        with pytest.raises(PostgresFailed, match=str(os.getpid())):
            postgres.start(directory)
    finally:
        server.stop()


def test_a_half_made_cluster_is_made_again(directory: Path) -> None:
    (directory / "data.new").mkdir(parents=True)
    (directory / "data.new" / "PG_VERSION").write_text("18")
    postgres.start(directory).stop()
    assert not (directory / "data.new").exists()


def test_a_path_too_long_for_a_unix_socket_is_fine(tmp_path: Path) -> None:
    postgres.start(tmp_path / ("long" * 30) / "postgres").stop()


def test_only_the_password_opens_the_door(directory: Path) -> None:
    server = postgres.start(directory)
    try:
        port = psycopg.conninfo.conninfo_to_dict(server.url)["port"]
        for role in ("limbeck", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host="127.0.0.1", port=port, user=role, password="", dbname=role)
        assert {path.stat().st_mode & 0o777 for path in directory.glob("*.password")} == {0o600}
        with psycopg.connect(server.url) as connection:
            row = connection.execute("SELECT usesuper FROM pg_user WHERE usename = 'limbeck'")
            assert row.fetchone() == (False,)
    finally:
        server.stop()


def test_a_port_in_use_is_said_with_the_log(directory: Path) -> None:
    first = postgres.start(directory)
    try:
        port = int(str(psycopg.conninfo.conninfo_to_dict(first.url)["port"]))
        with pytest.raises(PostgresFailed, match="Address already in use"):
            postgres.start(directory.with_name("other"), port=port)
    finally:
        first.stop()


@pytest.mark.parametrize("who", ["mapped", "dropped"] if os.geteuid() == 0 else ["self"])
def test_the_server_never_sees_root(
    who: account.Who, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "unprivileged", lambda: who)
    server = postgres.start(directory)
    try:
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
    finally:
        server.stop()


def test_root_may_change_how_it_steps_down(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("dropped", "mapped", "dropped") if os.geteuid() == 0 else ():
        monkeypatch.setattr(account, "unprivileged", lambda who=who: who)
        postgres.start(directory).stop()
