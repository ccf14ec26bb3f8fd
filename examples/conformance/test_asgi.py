"""Run each selected case as a test."""

from wsfsm.conformance.pytest.collect import PlayedCase


def test_server(wsfsm_server_case: PlayedCase) -> None:
    wsfsm_server_case.check()


def test_facade(wsfsm_facade_case: PlayedCase) -> None:
    wsfsm_facade_case.check()
