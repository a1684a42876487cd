"""Text that its ``repr`` hides.

Error trackers store the ``repr`` of each local variable of each frame, and ignore Django's
``sensitive_variables``. So each secret in a frame of this app has a type that hides it: `Hidden`,
`phones.Number`, `encryption.Sealed`, or a dataclass with ``repr=False``.
"""


class Hidden(str):
    """Text whose ``repr`` is three stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"
