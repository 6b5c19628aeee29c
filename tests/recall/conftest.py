"""What is recalled is made as the tests of jobs make it."""

from tests.jobs.conftest import drain, ready, tools

__all__ = ["drain", "ready", "tools"]
