"""Links of the built site that lead nowhere, and whatever would be fetched: `python docs/_ext/dead_links.py FOLDER`."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r'\b(href|src)="([^"]+)"')


def dead(folder: Path) -> list[str]:
    """A line for each link to a page, file or mark that is not there, and for each file of another site."""
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}
    pages = {path: text for path, text in pages.items() if "_static" not in path.parts}  # the theme's templates
    marks = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    found = []
    for page, text in pages.items():
        for kind, link in LINK.findall(text):
            if re.match(r"[a-z]+:|//", link):
                if kind == "src" and not link.startswith("data:"):
                    found.append(f"{page.name}: {link} is fetched")
                continue
            path, _, mark = link.partition("#")
            name = unquote(path.split("?")[0])
            target = (page.parent / name).resolve() if name else page
            if not target.exists() or (mark and target in marks and unquote(mark) not in marks[target]):
                found.append(f"{page.name}: {link}")
    return sorted(set(found))


if __name__ == "__main__":
    if lines := dead(Path(sys.argv[1])):
        raise SystemExit("\n".join(["dead links:", *lines]))
