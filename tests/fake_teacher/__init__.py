"""A scripted teacher: a real server on loopback that answers, fails and lies as it is told.

    fake.says("a"); fake.fails(429, retry_after=1); fake.says_json({"answer": "b"})

Each call adds a step; requests take them in the order they arrive, and the last step answers for
ever. Rules (`fake.when`) come before steps; with neither, every request gets a fresh text, or an
instance of the schema it carries.
"""

from tests.fake_teacher.behaviour import KILLS, Behaviour, Gate
from tests.fake_teacher.record import Asked
from tests.fake_teacher.teacher import FakeTeacher

__all__ = ["KILLS", "Asked", "Behaviour", "FakeTeacher", "Gate"]
