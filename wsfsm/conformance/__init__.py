"""Conformance: cases that check whether a server or a facade does what the ASGI text demands."""

from wsfsm.conformance.cases import Case, Level, Step, load, load_folder, select
from wsfsm.conformance.facade.adapters import FacadeError, FacadeTarget, class_target
from wsfsm.conformance.facade.frameworks import FACADES, facade_target
from wsfsm.conformance.facade.runner import check_facade
from wsfsm.conformance.server.profiles import PROFILES, profile
from wsfsm.conformance.server.runner import check_server, play_cases
from wsfsm.conformance.server.targets import CommandTarget, FactoryTarget, ServerTarget, TargetError
from wsfsm.conformance.values import CaseError
from wsfsm.conformance.verdicts import Report, Result, TraceEntry, Verdict

__all__ = [
    "FACADES",
    "PROFILES",
    "Case",
    "CaseError",
    "CommandTarget",
    "FacadeError",
    "FacadeTarget",
    "FactoryTarget",
    "Level",
    "Report",
    "Result",
    "ServerTarget",
    "Step",
    "TargetError",
    "TraceEntry",
    "Verdict",
    "check_facade",
    "check_server",
    "class_target",
    "facade_target",
    "load",
    "load_folder",
    "play_cases",
    "profile",
    "select",
]
