"""Why the sandbox refuses a request. The texts repeat nothing that the request said."""

from typing import ClassVar


class SandboxError(Exception):
    """Anything that the sandbox raises on purpose."""


class Refused(SandboxError):
    """A request that gets an error of its own instead of the next step."""

    status_code: ClassVar[int] = 403


class Malformed(Refused):
    """A request that can't be read, or whose caller can't safely be sent back."""

    status_code = 400


class UnusableNumber(SandboxError):
    """A number that is missing, malformed or ambiguous; the visitor is sent back with the news."""
