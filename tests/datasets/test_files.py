"""Files that are stored by their content."""

import os
from pathlib import Path

import pytest

from app.datasets.files import Files
from app.errors import Unavailable


def test_equal_content_is_stored_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    first, second = files.keep_bytes(b"rows"), files.keep_bytes(b"rows")
    assert first == second
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored == [files.path(first.sha256)]
    assert files.verified(first.sha256, first.size).read_bytes() == b"rows"


def test_a_flipped_byte_is_found_even_after_the_file_was_served(tmp_path: Path) -> None:
    files = Files(tmp_path)
    stored = files.keep_bytes(b"rows of a version")
    path = files.verified(stored.sha256, stored.size)
    path.chmod(0o644)
    path.write_bytes(b"rows of a Version")
    for reader in (files, Files(tmp_path)):
        with pytest.raises(Unavailable, match="has changed on the disk"):
            reader.verified(stored.sha256, stored.size)
    # Publishing the same rows again mends it.
    files.keep_bytes(b"rows of a version")
    assert files.verified(stored.sha256, stored.size) == path


def test_a_file_that_is_gone_or_cut_is_an_error_that_says_so(tmp_path: Path) -> None:
    files = Files(tmp_path)
    stored = files.keep_bytes(b"rows of a version")
    path = files.path(stored.sha256)
    path.chmod(0o644)
    path.write_bytes(b"rows")
    with pytest.raises(Unavailable, match="has changed on the disk"):
        files.verified(stored.sha256, stored.size)
    path.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        files.verified(stored.sha256, stored.size)


def test_what_a_crash_left_behind_is_swept_after_a_day(tmp_path: Path) -> None:
    files = Files(tmp_path)
    fresh, old = files.incoming(), files.incoming()
    fresh.write_bytes(b"being written")
    old.write_bytes(b"left behind")
    os.utime(old, (0, 0))
    files.sweep()
    assert fresh.exists()
    assert not old.exists()
