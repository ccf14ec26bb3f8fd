"""`wsfsm.ext.mkdocs`: pages of sites, errors with page and line, and the files that a server watches."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from html import unescape
from pathlib import Path
from textwrap import indent
from urllib.request import urlopen

import pytest
from helpers.sites import Built, mkdocs_site, write

from wsfsm.diagrams import DIAGRAMS, mermaid

SETTINGS = "site_name: lights\ntheme: mkdocs\nplugins: [wsfsm]\nmarkdown_extensions: [admonition]\n"
MATERIAL = "site_name: lights\ntheme: {name: material, font: false}\nplugins: [wsfsm]\n"
INDEX = """\
---
title: Lights
---
# Lights

```wsfsm-diagram
light.py:LIGHT
:caption: The *light*
:name: picture
```

!!! note

    ~~~~ {wsfsm-diagram} client light.py:LIGHT
    :kinds: client=received, light=sent
    :alt: Two "machines"
    :format: svg
    ~~~~

```wsfsm-diagram light.py:LIGHT
:state: green
:name: plain
```

See [red](wsfsm:state:light.red), [](wsfsm:event:light.switch%20off), [it](wsfsm:machine:light), [halt](wsfsm:event:stop),
[](wsfsm:state:~light.green), [](wsfsm:machine:~light), [](wsfsm:event:~server.pong%20timeout),
[a guard](wsfsm:event:server.pong%20timeout%20[idle])
and [open](wsfsm:state:server.OPEN).

````markdown
```wsfsm-diagram
light.py:LIGHT
```
````

```python
an_open_block = "that is not closed"
"""
TABLES = """\
# Tables

```wsfsm-table light.py:LIGHT
:caption: All *cells*
:name: cells
```

```wsfsm-table light.py:LIGHT
:rows:
:no-index:
```

```wsfsm-table
client
application
```

```wsfsm-table server
```

```wsfsm-table server
:state: OPEN
```
"""
EXAMPLES = """\
    ``` wsfsm-diagram
    no.py:A & B
    :outputs:
    ```

!!! note

    Like this:

        before
        ``` wsfsm-diagram
        no.py:A & B
        :outputs:
        ```
        between

          ``` wsfsm-diagram
          no.py:A & B
          :outputs:
          ```
        after

> ```wsfsm-table
> client
> :rows:
> ```

<!--
```wsfsm-diagram
no.py:A
```
-->

<!-- never closed
```wsfsm-diagram
no.py:A
```
"""
FILES = {"mkdocs.yml": SETTINGS, "docs/index.md": INDEX, "docs/tables.md": TABLES}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, graphviz: None) -> Built:
    folder = tmp_path_factory.mktemp("site")
    write(folder, FILES)
    return mkdocs_site(folder)


def build(folder: Path, text: str, settings: str = SETTINGS) -> Built:
    write(folder, {"mkdocs.yml": settings, "docs/index.md": text})
    return mkdocs_site(folder)


class TestPages:
    def test_strict_build_has_no_warnings(self, site: Built) -> None:
        assert (site.status, site.said) == (0, "")

    def test_pictures_are_svg_in_the_page(self, site: Built) -> None:
        first, second, one = re.findall(r"<svg .*?</svg>", site.page("index.html"), re.DOTALL)

        assert 'aria-label="State diagram of light, with 3 states"' in first
        assert 'aria-label="Two &quot;machines&quot;"' in second
        assert "only what can happen in the state green" in one
        assert "switch off" not in one
        assert site.page("assets/wsfsm.css").count("color-scheme: dark;") == 2
        assert 'href="assets/wsfsm.css"' in site.page("index.html")

    def test_caption_and_name_are_those_of_a_figure(self, site: Built) -> None:
        page = site.page("index.html")

        assert '<figure class="wsfsm-figure" id="picture">' in page
        assert "<figcaption>The <em>light</em></figcaption>" in page
        assert '<div class="wsfsm-diagram" id="plain">' in page

    def test_block_inside_of_another_block_is_replaced_only_if_that_is_no_code(
        self, site: Built
    ) -> None:
        page = site.page("index.html")

        assert re.search(
            r'<div class="admonition note">.*?<svg .*?</svg>\s*</div>', page, re.DOTALL
        )
        assert "```wsfsm-diagram\nlight.py:LIGHT\n```" in page
        assert "an_open_block" in page

    @pytest.mark.parametrize(
        "extensions",
        ["admonition", "admonition, codehilite", "admonition, pymdownx.superfences"],
    )
    def test_block_in_indented_code_or_a_comment_stays_a_text(
        self, extensions: str, tmp_path: Path
    ) -> None:
        settings = SETTINGS.replace("admonition", extensions)

        built = build(tmp_path, EXAMPLES, settings)

        assert (built.status, built.said) == (0, "")
        page = built.page("index.html")
        codes = re.findall(r"<pre>.*?</pre>", page.partition("<!--\n")[0], re.DOTALL)
        texts = [unescape(re.sub("<[^>]*>", "", code)).rstrip() for code in codes]
        one = "``` wsfsm-diagram\nno.py:A & B\n:outputs:\n```"
        assert texts == [one, f"before\n{one}\nbetween\n\n{indent(one, '  ')}\nafter"]
        assert len(re.findall(r"<blockquote>\s*<div class=\"wsfsm-table\">", page)) == 1
        assert "wzxhzdk" not in page

    @pytest.mark.parametrize(
        ("text", "there"),
        [
            ("red", "tables/#wsfsm-state-light-red"),
            ("light.switch off", "tables/#wsfsm-event-light-switch-off"),
            ("it", "tables/#wsfsm-machine-light"),
            ("halt", "tables/#wsfsm-event-light-stop"),
            ("open", "tables/#wsfsm-moves-server-OPEN"),
            ("green", "tables/#wsfsm-state-light-green"),
            ("light", "tables/#wsfsm-machine-light"),
            ("pong timeout", "tables/#wsfsm-event-server-pong-timeout-sending"),
            ("a guard", "tables/#wsfsm-event-server-pong-timeout-idle"),
        ],
    )
    def test_link_leads_to_the_table(self, text: str, there: str, site: Built) -> None:
        assert there in site.links("index.html", text)
        page, me = there.split("#")
        assert site.ids(f"{page}index.html").count(me) == 1

    def test_links_of_pictures_and_tables_lead_there_too(self, site: Built) -> None:
        assert 'data-id="light-off">\n<a href="tables/#wsfsm-state-light-off">' in (
            site.page("index.html")
        )
        assert "#wsfsm-state-light-red" in site.links("tables/index.html", "red")
        for page in ("index.html", "tables/index.html"):
            assert "wsfsm:" not in site.page(page)
            assert [me for me, number in Counter(site.ids(page)).items() if number > 1] == []

    def test_tables_show_cells_rows_and_titles(self, site: Built) -> None:
        tables = re.findall(r"<table>.*?</table>", site.page("tables/index.html"), re.DOTALL)
        texts = [" ".join(re.sub("<[^>]*>", " ", table).split()) for table in tables]

        assert texts[0].startswith("All cells event red green off go green - -")
        assert "red switch off off a note" in texts[1]
        assert [text.split()[0] for text in texts[2:4]] == ["client", "application"]
        assert "<caption><code>client</code></caption>" in tables[2]
        assert "pong timeout [idle] DRAINING" in texts[5]
        assert '<div class="wsfsm-table" id="cells">' in site.page("tables/index.html")

    def test_material_draws_with_mermaid(self, tmp_path: Path) -> None:
        built = build(tmp_path, "```wsfsm-diagram client\n```\n", MATERIAL)

        assert built.status == 0, built.said
        first = mermaid(DIAGRAMS["client"]).splitlines()[0]
        assert f'<pre class="mermaid"><code>{first}' in built.page("index.html")

    @pytest.mark.usefixtures("graphviz")
    def test_settings_choose_the_folder_and_the_format(self, tmp_path: Path) -> None:
        write(tmp_path / "src", {})
        settings = MATERIAL.replace("[wsfsm]", "[{wsfsm: {folder: src, diagram_format: svg}}]")
        write(
            tmp_path,
            {"mkdocs.yml": settings, "docs/index.md": "```wsfsm-diagram light.py:LIGHT\n```"},
        )
        (tmp_path / "light.py").unlink()

        built = mkdocs_site(tmp_path)

        assert built.status == 0, built.said
        assert "<svg class=" in built.page("index.html")


class TestErrors:
    @pytest.mark.parametrize(
        ("block", "said"),
        [
            ("wsfsm-diagram\nlight.py:LIHGT", "light.py has no 'LIHGT'; it has LIGHT"),
            ("wsfsm-table light.py:NUMBER", "light.py:NUMBER must be a Machine, a Table or a Diagram, got int 7"),
            ("wsfsm-diagram no_such_module:LIGHT", "there is no module 'no_such_module'"),
            ("wsfsm-diagram lamp.py:LIGHT", "(names are looked for in /"),
            ("wsfsm-table none.scxml", "; to change it, set folder of the plugin in mkdocs.yml)"),
            ("wsfsm-diagramm light.py:LIGHT", "there is no block wsfsm-diagramm; use wsfsm-diagram or wsfsm-table"),
            ("{wsfsm_table} light.py:LIGHT", "there is no block wsfsm_table; use wsfsm-diagram or wsfsm-table"),
            ("wsfsm-diagram light.py:LIGHT\n:kinds: told", "the option kinds must be sent, received, event, or MACHINE=KIND"),
            ("wsfsm-diagram light", "invalid name 'light'; use client, application, both, server, or "),
            ("wsfsm-diagram\n:state: red", "needs the name of a machine, for example package.module:MACHINE"),
            ("wsfsm-table light.py:LIGHT\n:state: blue", "there is no state 'blue'; light has red, green, off"),
            ("wsfsm-table light.py:LIGHT\n:format: svg", "unknown option 'format'; wsfsm-table has caption, name, no-index, rows, state"),
            ("wsfsm-diagram light.py:LIGHT\n:format: png", "the option format must be svg or mermaid, got 'png'"),
            ("wsfsm-diagram light.py:LIGHT\n:format: mermaid", "the format mermaid needs the theme material or the plugin mermaid2"),
            ("wsfsm-diagram light.py:LIGHT\n:outputs:\n:outputs:", "the option outputs is specified twice"),
            ("wsfsm-diagram light.py:LIGHT\n:outputs:\nclient", "an option has the form ':name: value', got 'client'"),
        ],
    )  # fmt: skip
    def test_error_stops_the_build_with_page_and_line(
        self, block: str, said: str, tmp_path: Path
    ) -> None:
        built = build(tmp_path, f"---\ntitle: It\n---\n# Page\n\n```{block}\n```\n")

        assert built.status == 1
        assert "index.md, line 6: " in built.said
        assert said in built.said

    def test_missing_graphviz_stops_the_build(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        built = build(tmp_path, "```wsfsm-diagram client\n```\n")

        assert "index.md, line 1: svg needs Graphviz, but its program 'dot' is not on" in built.said
        assert ", or use Mermaid (:format: mermaid, or diagram_format of" in built.said

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("wsfsm:state:client.OPEN", "no wsfsm-table shows the state client.OPEN; there is client.CONNECTING"),
            ("wsfsm:event:go", "no wsfsm-table shows the event go; there is client.websocket.connect"),
            ("wsfsm:state:~client.OPEN", "no wsfsm-table shows the state client.OPEN; there is client.CONNECTING"),
            ("wsfsm:guard:client.OPEN", "a reference has the kind machine, state or event, not guard"),
        ],
    )  # fmt: skip
    def test_link_that_leads_nowhere_is_a_warning(
        self, address: str, said: str, tmp_path: Path
    ) -> None:
        right = "[here](wsfsm:state:client.CONNECTED), [and here](wsfsm:event:websocket.connect)"
        text = f"```wsfsm-table client\n```\n\n{right}\n[there]({address})\n"
        built = build(tmp_path, text)

        assert built.status == 1
        assert f"index.md, line 5: {said}" in built.said

    def test_link_on_a_site_without_tables_is_a_warning(self, tmp_path: Path) -> None:
        built = build(tmp_path, "[there](wsfsm:event:go)\n")

        assert (
            "index.md, line 1: no wsfsm-table shows the event go; add a wsfsm-table of"
            in built.said
        )

    def test_machine_that_two_tables_define_is_a_warning(self, tmp_path: Path) -> None:
        built = build(tmp_path, "```wsfsm-table client\n```\n\n```wsfsm-table client\n```\n")

        assert "index.md, line 4: another table defines the machine client" in built.said
        assert built.said.count("another table") == 1

    def test_block_of_an_inserted_text_is_reported_without_a_line(self, tmp_path: Path) -> None:
        settings = SETTINGS.replace("[wsfsm]", "[wsfsm]\nhooks: [hook.py]")
        hook = "def on_page_markdown(markdown, **_):\n    return '```wsfsm-diagram\\nx:Y\\n```'\n"
        write(tmp_path, {"hook.py": hook})

        assert "index.md: there is no module 'x'" in build(tmp_path, "# Page", settings).said

    def test_table_that_defines_nothing_has_no_links(self, tmp_path: Path) -> None:
        built = build(tmp_path, "```wsfsm-table client\n:no-index:\n```\n")

        assert (built.status, built.said) == (0, "")
        assert built.links("index.html", "CONNECTED") == []


class TestServe:
    def free_port(self) -> int:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
            return port

    def wait_for(self, address: str, text: str) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urlopen(address, timeout=10) as page:  # noqa: S310 - it is ours
                    if text in page.read().decode():
                        return
            except OSError:
                pass
            time.sleep(0.1)
        pytest.fail(f"{address} does not show {text!r}")

    def change(self, path: Path, text: str, later: float) -> None:
        time.sleep(0.6)  # the server looks each half second
        path.write_text(text, encoding="utf-8")
        # a module is as old as its seconds
        os.utime(path, (time.time() + later, time.time() + later))

    def test_server_shows_a_change_of_an_imported_file(self, tmp_path: Path) -> None:
        page = "```wsfsm-table light.py:LIGHT\n```\n\n```wsfsm-table client\n```\n"
        settings = f"{SETTINGS}hooks: [hook.py]\n"  # a module that stays
        hook = "def on_config(config):\n    return config\n"
        files = {"mkdocs.yml": settings, "docs/index.md": page, "hook.py": hook}
        write(tmp_path, files)
        port = self.free_port()
        address = f"http://127.0.0.1:{port}/"
        server = subprocess.Popen(  # noqa: S603 - it is MkDocs
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "mkdocs",
                "serve",
                "-q",
                "-a",
                f"127.0.0.1:{port}",
            ],
            cwd=tmp_path,
        )
        try:
            self.wait_for(address, "<code>stop</code>")
            self.change(tmp_path / "parts.py", 'STOP = "halt!"\n', 10)
            self.wait_for(address, "<code>halt!</code>")
            # an import fails, and then a file is missing
            self.change(tmp_path / "parts.py", "STOPS = []\n", 20)
            time.sleep(1.5)
            self.change(tmp_path / "docs/index.md", f"```wsfsm-table no.py:X\n```\n\n{page}", 0)
            time.sleep(1.5)
            self.change(tmp_path / "docs/index.md", page, 10)
            self.change(tmp_path / "parts.py", 'STOP = "wait!"\n', 30)
            self.wait_for(address, "<code>wait!</code>")
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0
