"""The site, built by Sphinx from the pages in this folder: `make docs`."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from public_names import source_of  # noqa: E402 - only now it can be found

project = "wsfsm"
copyright = "wsfsm contributors"  # noqa: A001 - Sphinx reads this name
version = release = installed_version("wsfsm")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "wsfsm.ext.sphinx",
    "command_help",
    "demo_page",
    "flowchart",
    "number_search",
    "project_files",
    "public_names",
]
root_doc = "index"
exclude_patterns = ["_ext"]
nitpicky = True

# The pages are read on GitHub too, so they have its anchors, and nothing that it does not show
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
myst_enable_extensions = ["colon_fence", "deflist"]
suppress_warnings = ["myst.header"]  # RESULTS.md skips a level for what is not a section

# A name in single backticks is a link if it is the name of an object; others are warnings
default_role = "py:obj"
add_module_names = False
autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False  # those of other packages are not in our form
python_maximum_signature_line_length = 88
napoleon_use_ivar = False

html_theme = "furo"
pygments_dark_style = "a11y-dark"  # its light form is Furo's; Furo's dark style underlines modules
html_title = "wsfsm"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
linkcode_resolve = source_of
copybutton_exclude = ".linenos, .gp, .go"
