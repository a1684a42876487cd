"""Values that show in no ``repr``.

Error trackers keep the ``repr`` of each local variable of each frame, and know nothing of Django's
``sensitive_variables``. What may lie in a frame of ours when something breaks is therefore of a
type that hides itself: this one, `phones.Number`, `encryption.Sealed`, or a dataclass's
``repr=False``.
"""


class Hidden(str):
    """Text as any other, but for its ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"
