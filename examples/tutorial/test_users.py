import pytest
from chat import app

from wsfsm.testing import connect


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("url", "status"),
    [("/rooms/tea", 401), ("/rooms/tea?token=x", 401), ("/rooms/staff?token=b", 403)],
)
async def test_strangers_are_denied(url: str, status: int) -> None:
    async with connect(app, url) as client:
        assert (await client.denied()).status == status
