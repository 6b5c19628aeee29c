"""How much is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from app.jobs.plan import LARGEST, items_per_chunk, more_items

counts = st.integers(0, 10**9)


@given(
    missing=st.integers(1, 10**6), accepted=counts, more=counts, room=counts, n=st.integers(1, 64)
)
def test_a_plan_never_passes_the_most_candidates(
    missing: int, accepted: int, more: int, room: int, n: int
) -> None:
    planned = accepted + more
    items = more_items(
        missing=missing,
        accepted=accepted,
        settled=planned,
        planned=planned,
        most=planned + room,
        samples_per_item=n,
    )
    assert 0 <= items * n <= room
    assert items > 0 or room < n


def test_more_is_planned_for_a_poor_yield_than_for_a_good_one() -> None:
    def items(accepted: int) -> int:
        return more_items(
            missing=100,
            accepted=accepted,
            settled=100,
            planned=100,
            most=10**9,
            samples_per_item=1,
        )

    assert items(90) < items(50) < items(10)
    assert items(0) == 100 * 20 * 11 // 10


@given(items=st.integers(1, 10**8), n=st.integers(1, 64))
def test_chunks_are_neither_tiny_nor_huge(items: int, n: int) -> None:
    size = items_per_chunk(items, n)
    assert size >= 1
    assert size * n <= max(LARGEST, n)
