"""A QR code as SVG in the page. A Content Security Policy allows it: it has no inline style."""

import segno
from django.utils.safestring import SafeString, mark_safe


def svg(text: str, title: str) -> SafeString:
    """Return `text` as a QR code that is black on white in any theme.

    Screen readers read `title`. The style sheet sets the size.
    """
    # Level L has the least error correction, and so the largest modules. A screen is never torn.
    # Phones read all eight masks. If none is set, segno spends most of its time on choosing one.
    code = segno.make_qr(text, error="l", boost_error=False, mask=4)
    inline = code.svg_inline(
        border=4,  # the white margin, in modules: ISO/IEC 18004 requires four
        dark="#000",
        light="#fff",
        svgclass="plasgate-ip-qr",
        lineclass=None,
        title=title,
        omitsize=True,
    )
    # SECURITY: segno escapes the title, and everything else is numbers.
    return mark_safe(inline.replace("<svg", '<svg role="img"', 1))  # noqa: S308 # nosec
