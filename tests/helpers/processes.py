"""Commands in processes of their own."""

import os
import subprocess
import sys


def into_closed_pipe(*words: str) -> tuple[int, bytes]:
    """Run `wsfsm` with a standard output that nothing reads; its status, and its standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "wsfsm", *words],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr
