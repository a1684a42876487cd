"""How the commands that work in batches are told how big those are."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_plasgate_ip.retention import BATCH_SIZE


def add_argument(parser: CommandParser) -> None:
    """Take ``--batch-size``."""
    help_text = f"Rows at a time; {BATCH_SIZE} by default."
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help=help_text)


def size(options: dict[str, Any]) -> int:
    """Return the batch size. Raises CommandError for one with which nothing would be done."""
    rows: int = options["batch_size"]
    if rows < 1:
        raise CommandError("--batch-size must be 1 or more.")
    return rows
