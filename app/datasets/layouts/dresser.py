"""What a publication needs of this process to give rows what their layout takes."""

from typing import Annotated

from fastapi import Depends, Request

from app.datasets.dress import Dresser


async def stored_dresser(request: Request) -> Dresser:
    made: Dresser = request.app.state.dresser
    return made


DresserDep = Annotated[Dresser, Depends(stored_dresser)]
