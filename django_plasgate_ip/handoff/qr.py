"""A QR code as SVG in the page. A Content Security Policy allows it: it has no inline style."""

import segno
from django.utils.safestring import SafeString, mark_safe

# The white margin, in modules. ISO/IEC 18004 requires four.
QUIET_ZONE = 4
# Phones read all eight masks. Without this, segno spends most of its time on finding the best one.
MASK = 4


def svg(text: str, title: str) -> SafeString:
    """Return `text` as a QR code that is black on white in any theme.

    Screen readers read `title`. The style sheet sets the size.
    """
    # Level L has the least error correction, and so the largest modules. A screen is never torn.
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
    # SECURITY: segno escapes the title, and everything else is numbers.
    return mark_safe(inline.replace("<svg", '<svg role="img"', 1))  # noqa: S308 # nosec
