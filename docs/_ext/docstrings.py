"""From the house's docstrings to reStructuredText: plain prose, indented equations, `Args:`, examples."""

import re

LISTS = ("Args", "Attributes", "Raises")
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|References?|Dims|Yields):(?: +(.*))?$")
SEAM = "\\ "  # of no width: reStructuredText wants something between code and a letter
ITEM = re.compile(r"\*{0,2}\w[\w.]*(?:, \*{0,2}\w[\w.]*)*: ")


def convert(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText.

    >>> convert(["Add.", "", "    y = x * b", "", "Args:", "    x: [B], `float`."])
    ['Add.', '', '.. code-block:: text', '', '    y = x * b', '', '**Args**', '', '- ``x``: [B], ``float``.', '']
    """
    found: list[str] = []
    for block in blocks(lines):
        if block[0].startswith(">>>"):
            found += [".. code-block:: pycon", "", *(f"    {line}" for line in block), ""]
        elif block[0].startswith(" "):
            found += [".. code-block:: text", "", *block, ""]
        elif match := SECTION.match(block[0]):
            found += section(match[1], match[2] or "", block[1:])
        else:
            found += [*(prose(line) for line in block), ""]
    return found


def blocks(lines: list[str]) -> list[list[str]]:
    """Runs of lines that belong together: an example, an indented block, a section, a paragraph or a list's item."""
    found: list[list[str]] = []
    kind, empty = "", True
    for line in lines:
        if not line.strip():
            empty = True
            continue
        indented = line.startswith("  ")
        starts = (
            line.startswith((">>>", "- "))
            or bool(SECTION.match(line))
            or (empty and not (indented and kind == "indented"))
            or (not empty and not indented and kind == "section")
        )
        if starts and not (line.startswith(">>>") and kind == "example" and not empty):
            kind = "example" if line.startswith(">>>") else "indented" if indented else "text"
            kind = "section" if SECTION.match(line) else kind
            found.append([])
        elif empty and found:
            found[-1].append("")
        found[-1].append(line)
        empty = False
    return found


def section(name: str, text: str, lines: list[str]) -> list[str]:
    """A titled part; arguments and errors as a list."""
    if name not in LISTS or text or not lines:
        return [f"**{name}**: " + prose(" ".join([text, *(line.strip() for line in lines)]).strip()), ""]
    items: list[str] = []
    margin = len(lines[0]) - len(lines[0].lstrip())
    for line in lines:
        if len(line) - len(line.lstrip()) == margin or not items:
            items.append(line.strip())
        else:
            items[-1] += " " + line.strip()
    return [f"**{name}**", "", *(f"- {item(text)}" for text in items), ""]


def item(text: str) -> str:
    """ "x: what it is" with its name as code."""
    if match := ITEM.match(text):
        return f"``{match[0][:-2]}``: {prose(text[match.end() :])}"
    return prose(text)


def prose(text: str) -> str:
    r"""A line of prose: names in backticks and what follows two spaces (an equation) as code, all else as it stands.

    >>> prose("The mean of `x_i`:  m = sum_i x_i / n.")
    'The mean of ``x_i``:  ``m = sum_i x_i / n``.'
    >>> print(prose("`vmap`ped over x_i"))
    ``vmap``\ ped over x\_i
    """
    if match := re.match(r"(.*?:)  (\S.*?)(\.?)$", text):
        return f"{prose(match[1])}  {code(match[2])}{match[3]}"
    parts = re.split(r"(`[^`]+`)", text.strip())
    for i, part in enumerate(parts):
        if i % 2:
            before, after = parts[i - 1][-1:], parts[i + 1][:1]
            parts[i] = f"{SEAM * before.isalnum()}{code(part[1:-1])}{SEAM * after.isalnum()}"
        else:
            parts[i] = re.sub(r"([*|_\\])", r"\\\1", part)
    return "".join(parts)


def code(text: str) -> str:
    """Text in the letters of a program."""
    return f"``{text.strip('`')}``"
