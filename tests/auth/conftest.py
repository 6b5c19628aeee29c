"""What there is to reach is made as the tests of jobs make it."""

from tests.auth.keys import logged, remote
from tests.jobs.conftest import drain, ready, tools

__all__ = ["drain", "logged", "ready", "remote", "tools"]
