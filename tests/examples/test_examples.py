"""The examples do what they show."""

import re
import runpy

import pytest
import websockets
from helpers.asgi import ROOT
from helpers.examples import load
from helpers.uvicorn_server import in_time, serving

EXAMPLES = ROOT / "examples"


class TestEchoExample:
    def test_echo_answers_a_message(self) -> None:
        async def main() -> None:
            async with (
                serving(load("echo").app) as address,
                websockets.connect(f"ws://{address}/?token=secret") as client,
            ):
                await client.send("hello")
                assert await client.recv() == "you said: hello"

        in_time(main)

    def test_echo_rejects_a_client_without_the_token(self) -> None:
        async def main() -> None:
            async with serving(load("echo").app) as address:
                with pytest.raises(websockets.InvalidStatus, match="403"):
                    await websockets.connect(f"ws://{address}/")

        in_time(main)

    def test_echo_is_in_the_readme_and_shorter_than_twenty_lines(self) -> None:
        code = (EXAMPLES / "echo.py").read_text(encoding="utf-8")

        assert len(code.splitlines()) < 20
        assert code in (ROOT / "README.md").read_text(encoding="utf-8")


def test_traffic_light_prints_the_output_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "traffic_light.py"), run_name="__main__")

    printed = capsys.readouterr().out
    assert "Light.GREEN allows ('stop',)" in printed
    assert re.search(r"refuses 'switch off' in state GREEN; allowed now: stop\n", printed)
