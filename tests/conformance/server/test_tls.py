"""The conformance cases over TLS: what certificates are made, and which servers fail them."""

import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.server_targets import UVICORN, cases, uvicorn, verdicts

from wsfsm.conformance import CommandTarget, check_server
from wsfsm.conformance.server._certificates import certificate
from wsfsm.conformance.server.profiles import PROFILES

TLS = {"tls": PROFILES["uvicorn"].variants["tls"]}
PASSED = {
    "tls.close-then-end",
    "tls.handshake",
    "tls.messages-then-end",
    "tls.sent-before-close",
    "tls.transport-ends",
}
STAYS = "wsfsm.integrations.uvicorn:WebSocketProtocol", "helpers.conformance_app:StaysOpen"


def failures(target: CommandTarget) -> set[str]:
    return {result.case.id for result in check_server(target, cases("tls")).failures()}


class TestCertificates:
    def test_certificate_is_trusted_while_its_files_exist(self) -> None:
        with certificate("127.0.0.1") as made:
            server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            server.load_cert_chain(made.chain, made.key)
            assert "CERTIFICATE" in made.chain.read_text()
            assert made.trust.get_ca_certs()
            assert made.trust.verify_mode is ssl.CERT_REQUIRED

        assert not made.chain.exists()
        assert not Path(made.key).parent.exists()

    def test_tls_variant_is_unavailable_without_trustme(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "trustme", None)

        assert not uvicorn("app", variants=TLS).has("tls")


@pytest.mark.long
class TestTlsServers:
    def test_sound_tls_server_passes_every_tls_case(self) -> None:
        report = check_server(uvicorn("app", variants=TLS), cases("tls"))

        assert {name for name, verdict in verdicts(report).items() if verdict == "pass"} == PASSED
        assert not report.failures()

    @pytest.mark.parametrize(
        ("app", "caught"),
        [
            ("forgets_messages", {"tls.close-then-end", "tls.messages-then-end"}),
            ("forgets_codes", {"tls.close-then-end"}),
            ("sends_little", {"tls.sent-before-close"}),
            ("never_connects", {"tls.handshake"}),
        ],
    )
    def test_broken_tls_server_fails_the_cases_about_its_fault(
        self, app: str, caught: set[str]
    ) -> None:
        assert failures(uvicorn(app, variants=TLS)) == caught

    def test_tls_server_that_never_closes_a_transport_fails_the_case_about_it(self) -> None:
        command = tuple(word.replace(*STAYS) for word in UVICORN)
        command = (*command, "--app-dir", "tests", "helpers.conformance_app:app")
        target: Any = CommandTarget(name="stays open", command=command, variants=TLS)

        assert failures(target) == {"tls.transport-ends"}
