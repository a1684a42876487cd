"""A QR code as SVG, to stand in a page: no image to fetch, no script, no inline style."""

import segno
from django.utils.safestring import SafeString, mark_safe

# In modules; ISO/IEC 18004 asks for four, and a dark page needs them to be white.
QUIET_ZONE = 4
# All eight masks can be read. To find the one that looks best takes four times as long as all the
# rest: 12 ms instead of 3, for each page.
MASK = 4


def svg(text: str, title: str) -> SafeString:
    """Return `text` as a QR code, black on white in any theme; `title` is for who can't see it.

    The page's style sheet gives it its size.
    """
    # Level L: a screen is not torn or dirty, and fewer modules are larger ones.
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
    # segno escapes the title, and the rest is numbers.
    return mark_safe(inline.replace("<svg", '<svg role="img"', 1))  # noqa: S308 # nosec
