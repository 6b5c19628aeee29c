"""What the number of an item says: which arm of its job asks, and about which of the rows.

A job that asks one teacher by one template has one arm, number 0, so that its items are its rows.
Several arms that are asked about the same row have an item each; several teachers that share the
rows out have each row in one arm only. Item 1000000000042 is row 42 of arm 1: whoever has an item
needs no look into the ledger to know who was asked.
"""

ROWS = 10**12
"""Of an arm; a job has a hundred times fewer."""


def arm_of(item: int) -> int:
    return item // ROWS


def row_of(item: int) -> int:
    return item % ROWS


def item_at(arm: int, row: int) -> int:
    return arm * ROWS + row
