"""What tests look for in pages and their figures."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"


def count_figures(page: str) -> int:
    """Counts the figures that are inside a page."""
    return len(re.findall(r"<svg ", page))


def is_drawn(path: Path) -> bool:
    """Returns whether an SVG file is well-formed and has marks or pictures in it, and not frames alone."""
    root = ElementTree.parse(path).getroot()
    marks = [e for kind in ("use", "image", "path") for e in root.iter(f"{SVG}{kind}")]
    return len(marks) > 8


def width_of(path: Path) -> float:
    """Returns the width of an SVG file in CSS pixels."""
    return float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt")) * 96 / 72


def images_of(path: Path) -> list[np.ndarray]:
    """Returns the images inside an SVG file, (height, width, 4) uint8 each."""
    found = re.findall(r"data:image/png;base64,([^\"]+)", path.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert("RGBA")) for image in found]


def elements_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """Lists the elements of a page by name, with their attributes."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(page)
    return found


def addresses(page: str) -> list[str]:
    """Lists what a page would load or lead to: all that is neither inside it nor a page beside it."""
    attributes = [pair for _, attributes in elements_of(page) for pair in attributes.items()]
    named = [value or "" for name, value in attributes if name in ("src", "srcset", "href", "action", "poster", "data")]
    named += re.findall(r"url\(\s*[\"']?([^\"')]+)", page) + re.findall(r"@import\s+(\S+)", page)
    return [name for name in named if not re.match(r"data:(image|audio)/|#|index\.html$|data\.html$", name)]
