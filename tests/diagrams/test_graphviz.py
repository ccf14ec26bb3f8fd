"""The program ``dot``: how it is called, and how its failures are reported."""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from helpers.diagram_tables import LIGHT

from wsfsm.diagrams import (
    Diagram,
    GraphvizError,
    dot,
    png,
    svg,
)


def fake_dot(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A program `dot` that is the only one on the PATH."""
    program = folder / "dot"
    program.write_text(script, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return program


class TestGraphviz:
    @pytest.mark.usefixtures("graphviz")
    @pytest.mark.parametrize(("draw", "magic"), [(svg, b"<?xml"), (png, b"\x89PNG\r\n\x1a\n")])
    def test_graphviz_draws_images(self, draw: Any, magic: bytes) -> None:
        assert draw(Diagram([LIGHT])).startswith(magic)

    @pytest.mark.parametrize("draw", [svg, png])
    def test_graphviz_is_called_with_the_format_and_the_text(
        self, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_dot(tmp_path, monkeypatch, "#!/bin/sh\necho $*\nexec /bin/cat\n")
        diagram = Diagram([LIGHT])

        assert draw(diagram).decode() == f"-T{draw.__name__}\n{dot(diagram)}"

    @pytest.mark.parametrize("draw", [svg, png])
    def test_missing_graphviz_is_reported_with_the_package_to_install(
        self, draw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(GraphvizError, match=f"^{draw.__name__} .*the package 'graphviz'"):
            draw(Diagram([LIGHT]))

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("#!/bin/sh\necho 'no such font' >&2\nexit 3\n", "failed with status 3: no such font"),
            ("#!/bin/sh\nexit 3\n", "failed with status 3: no reason given"),
            ("#!/no/such/interpreter\n", "cannot be run: No such file or directory"),
        ],
    )
    def test_failure_of_graphviz_is_reported_with_its_reason(
        self, script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = fake_dot(tmp_path, monkeypatch, script)

        with pytest.raises(GraphvizError, match=re.escape(f"{program} {told}")):
            svg(Diagram([LIGHT]))

    def test_graphviz_that_hangs_is_stopped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = fake_dot(tmp_path, monkeypatch, "#!/bin/sh\nexec /bin/sleep 60\n")
        monkeypatch.setattr("wsfsm.diagrams._graphviz._PATIENCE", 0.05)

        with pytest.raises(GraphvizError, match=f"{program} has not finished within 0.05 seconds"):
            svg(Diagram([LIGHT]))
