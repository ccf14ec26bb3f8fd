"""A certificate for servers that are started with TLS, made anew for each of them."""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import attrs

__all__ = ["Certificate", "can_be_made", "certificate"]


@attrs.frozen
class Certificate:
    """A certificate in files.

    Attributes:
        chain: Path of the certificate.
        key: Path of its key.
        trust: What a client takes that trusts it.
    """

    chain: Path
    key: Path
    trust: ssl.SSLContext


def can_be_made() -> bool:
    """Whether trustme, which makes certificates, is installed."""
    return find_spec("trustme") is not None


@contextlib.contextmanager
def certificate(host: str) -> Iterator[Certificate]:
    """A certificate for a host, in a folder that is removed in the end.

    Args:
        host: The host.

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
