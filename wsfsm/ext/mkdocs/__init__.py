"""The plugin of MkDocs: state machines in documentation, drawn from their tables when it is built.

.. code-block:: yaml

    plugins:
      - search
      - wsfsm

A fenced block of the language ``wsfsm-diagram`` draws machines, and one of ``wsfsm-table`` shows their cells or
rows. A link like ``[open](wsfsm:state:door.OPEN)`` leads to what such a table shows.
"""

from wsfsm.ext.mkdocs._plugin import WsfsmPlugin

__all__ = ["WsfsmPlugin"]
