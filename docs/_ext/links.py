"""Names of the library in a page's text lead to the reference: `jaxdl.nn.dense` becomes a link."""

import functools
import importlib
import inspect
import re
from typing import Any

from docutils import nodes

NAME = re.compile(r"jaxdl(?:\.[a-z_]\w*)+")


@functools.cache
def home(name: str) -> str:
    """Where something is defined, whichever package hands it on; a module's own name; "" for what does not exist.

    >>> home("jaxdl.nn.dense"), home("jaxdl.nn.initializers"), home("jaxdl.nn.no_such_layer")
    ('jaxdl.nn.affine.dense', 'jaxdl.nn.initializers', '')
    """
    package, _, attribute = name.rpartition(".")
    try:
        thing = getattr(importlib.import_module(package), attribute, None) or importlib.import_module(name)
    except ImportError:
        return ""
    if inspect.ismodule(thing):
        return thing.__name__
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', attribute)}"


def place(app: Any, name: str) -> tuple[str, str] | None:
    """The page of the reference and the mark on it."""
    domain = app.env.get_domain("py")
    if found := domain.objects.get(home(name)):
        return found.docname, found.node_id
    if found := domain.modules.get(name):
        return found.docname, found.node_id
    return None


def link_names(app: Any, doctree: nodes.document, docname: str) -> None:
    """Put a link round each name that the reference has; pages of the reference itself stay as they are."""
    if docname.startswith("api/"):
        return
    for literal in list(doctree.findall(nodes.literal)):
        match = NAME.match(literal.astext())
        found = place(app, match[0]) if match and not isinstance(literal.parent, nodes.reference) else None
        if found:
            address = f"{app.builder.get_relative_uri(docname, found[0])}#{found[1]}"
            link = nodes.reference("", "", internal=True, refuri=address)
            literal.replace_self(link)
            link += literal


def setup(app: Any) -> dict[str, bool]:
    app.connect("doctree-resolved", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
