"""A QR code as SVG inside the page: no image to fetch, no script, no inline style."""

import segno
from django.utils.safestring import SafeString, mark_safe

# In modules. ISO/IEC 18004 asks for four; on a dark page they have to be white.
QUIET_ZONE = 4
# Phones read all eight masks. Looking for the best one takes most of the time of drawing.
MASK = 4


def svg(text: str, title: str) -> SafeString:
    """Return `text` as a QR code, black on white in any theme. Screen readers read `title`.

    The style sheet of the page sets its size.
    """
    # Level L: a screen has no torn or dirty spots, and fewer modules are larger ones.
    code = segno.make_qr(text, error="l", boost_error=False, mask=MASK)
    inline = code.svg_inline(
        border=QUIET_ZONE,
        dark="#000",
        light="#fff",
        svgclass="plasgate-ip-qr",
        lineclass=None,
        title=title,
        omitsize=True,
    )
    # segno escapes the title; everything else is numbers.
    return mark_safe(inline.replace("<svg", '<svg role="img"', 1))  # noqa: S308 # nosec
