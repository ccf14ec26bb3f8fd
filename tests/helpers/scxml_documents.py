"""Documents in SCXML, and their refusals."""

from typing import Any, Final

import pytest

from wsfsm.exceptions import ConversionError
from wsfsm.fsm import Machine

HEAD: Final = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" '


def document(*lines: str, head: str = "") -> str:
    """A document whose first state is in its second line."""
    return "\n".join([f"{HEAD}{head}>", *lines, "</scxml>"])


def refused(text: Any) -> tuple[str, ...]:
    """Why a document is refused."""
    with pytest.raises(ConversionError) as caught:
        Machine.from_scxml(text)
    assert caught.type is ConversionError
    assert str(caught.value).startswith("the SCXML document cannot become a Machine, because ")
    return caught.value.reasons
