"""``python -m wsfsm``: the same as the command ``wsfsm``."""

import sys

from wsfsm.cli import main

if __name__ == "__main__":
    sys.exit(main())
