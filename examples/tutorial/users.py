"""Who may enter which room."""

from typing import Annotated

from fastapi import Depends, HTTPException

USERS = {"a": "Ann", "b": "Bob", "c": "Cem"}  # by their tokens
STAFF = {"Ann"}


async def user(token: str = "") -> str:
    if token not in USERS:
        raise HTTPException(401, "Who are you?")
    return USERS[token]


async def guest(room: str, name: Annotated[str, Depends(user)]) -> str:
    if room == "staff" and name not in STAFF:
        raise HTTPException(403, "This room is for the staff.")
    return name
