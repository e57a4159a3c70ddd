"""A small interface for machines."""

from fastapi import APIRouter, HTTPException

router = APIRouter(prefix="/items")

_ITEMS = {1: "a stone", 2: "a rock", 3: "a boulder"}


@router.get("/")
async def everything() -> dict[int, str]:
    return _ITEMS


@router.get("/{number}")
async def item(number: int) -> dict[str, str]:
    if number not in _ITEMS:
        raise HTTPException(status_code=404, detail=f"there is no item {number}")
    return {"name": _ITEMS[number]}
