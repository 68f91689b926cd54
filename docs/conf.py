"""The site: Sphinx with MyST-NB; `python -m sphinx -W -b html docs docs/_build/html` builds it without network."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext")]

from languages import write_font  # noqa: E402

import jaxdl  # noqa: E402

project = "jaxdl"
author = "The jaxdl authors"
copyright = author
version = release = jaxdl.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_design",
    "sphinx_copybutton",
    "reference",
    "languages",
    "links",
    "mathml",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
nb_execution_mode = "cache"  # pages whose code has not changed are not run again
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_maximum_signature_line_length = 88
smartquotes = False
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_title = "jaxdl"
html_static_path = ["_static", str(write_font(HERE))]
html_css_files = ["korean.css", "style.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_show_copyright = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 1,
    "navbar_persistent": [],
    "use_download_button": False,
    "use_fullscreen_button": False,
    "article_header_end": ["toggle-secondary-sidebar.html"],
}
