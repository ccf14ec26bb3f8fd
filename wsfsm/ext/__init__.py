"""Diagrams and tables of machines in the documentation of other projects.

`wsfsm.ext.sphinx` is an extension of Sphinx, and `wsfsm.ext.mkdocs` a plugin of MkDocs.
"""

__all__: list[str] = []
