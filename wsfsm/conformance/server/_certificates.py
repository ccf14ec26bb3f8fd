"""A certificate for a server that is started with TLS, made anew for each server."""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import attrs

__all__ = ["Certificate", "certificate", "is_available"]


@attrs.frozen
class Certificate:
    """A certificate in files.

    Attributes:
        chain: Path of the certificate.
        key: Path of its key.
        trust: Context of a client that trusts the certificate.
    """

    chain: Path
    key: Path
    trust: ssl.SSLContext


def is_available() -> bool:
    """Whether trustme, which makes certificates, is installed."""
    return find_spec("trustme") is not None


@contextlib.contextmanager
def certificate(host: str) -> Iterator[Certificate]:
    """Make a certificate, in a folder that is removed at the end.

    Args:
        host: Host for which the certificate is valid.

    Raises:
        ModuleNotFoundError: trustme is not installed.
    """
    import trustme  # noqa: PLC0415 - it takes a while, and few cases need it

    authority = trustme.CA()
    issued = authority.issue_cert(host)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        issued.private_key_pem.write_to_path(str(key))
        for number, part in enumerate(issued.cert_chain_pems):
            part.write_to_path(str(chain), append=number > 0)
        yield Certificate(chain, key, trust)
