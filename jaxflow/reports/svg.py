"""Figures as SVG inside a page: their colours are the page's, light or dark, and photographs are small."""

import base64
import io
import re
from pathlib import Path

from PIL import Image

# Colours of each split, everywhere: in figures, and in the stylesheet under the same names for both schemes.
SPLIT_COLOURS = {"train": "#2563a8", "validation": "#b45309", "test": "#157347"}
# Of what else is compared, such as baselines, in this order.
OTHER_COLOURS = ("#6f42a1", "#a23b72", "#5b6470", "#8a6d1b")
# Text on cells of any strength: the page's strongest contrast where they are weak, and white where they are strong.
ON_WEAK, ON_STRONG = "#000001", "#fffffe"
# What a page makes of a figure's colours.
THEMED = (
    {"#000000": "currentColor", "#ffffff": "var(--page)", ON_WEAK: "var(--strongest)", ON_STRONG: "#fff"}
    | {colour: f"var(--{name})" for name, colour in SPLIT_COLOURS.items()}
    | {colour: f"var(--other-{number})" for number, colour in enumerate(OTHER_COLOURS)}
)
# Images of more pixels are photographs, which WebP holds in a tenth of PNG's bytes.
_SMALL = 64 * 64
_CSS_PIXELS = 96 / 72


def inline_svg(file: Path) -> str:
    """Returns an SVG file of Matplotlib as an element of a page.

    Args:
      file: as `plot.save` writes it.
    """
    text = file.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<g id=\"[^\"]*\"", "<g", text)  # names that another figure of the page has too
    text = re.sub(r"\bxmlns(:\w+)?=\"[^\"]*\"", "", text)
    text = re.sub(r"(?<=[ :])#[0-9a-f]{6}(?=[;\"])", lambda found: THEMED.get(found[0], found[0]), text)
    text = re.sub(r"data:image/png;base64,([^\"]+)", lambda found: _smaller(found[1]), text)
    width = float(re.search(r"width=\"([\d.]+)pt\"", text)[1]) * _CSS_PIXELS  # pyright: ignore[reportOptionalSubscript]
    return re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        rf'<svg \1 aria-hidden="true" style="--width: {width:.0f}px">',
        text,
        count=1,
    ).strip()


def _smaller(encoded: str) -> str:
    """Returns the data URL of a PNG image, or of the same as WebP where it is large and that is smaller."""
    url = f"data:image/png;base64,{encoded}"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        if image.width * image.height <= _SMALL:
            return url
        made = io.BytesIO()
        image.save(made, "WEBP", quality=82)
    return min(url, f"data:image/webp;base64,{base64.b64encode(made.getvalue()).decode()}", key=len)
