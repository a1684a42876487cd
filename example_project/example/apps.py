"""The example's own app."""

from django.apps import AppConfig


class ExampleConfig(AppConfig):
    name = "example"

    def ready(self) -> None:
        """Connect the receivers."""
        from example import receivers  # noqa: F401
