"""Settings that are a function of the site's: itself, or its dotted path."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string


def is_dotted_path(value: Any) -> bool:
    """Whether this is text such as ``"shop.phones.keys_for"``; nothing is imported.

    A path or URL has slashes, and a url name with a namespace has a colon.
    """
    names = value.split(".") if isinstance(value, str) else []
    return len(names) > 1 and all(name.isidentifier() for name in names)


def load(name: str, value: Any) -> Callable[..., Any]:
    """Return the function that the setting `name` is, or names by a dotted path.

    Raises ImproperlyConfigured for what can't be imported, can't be called, or is ``async``: the
    app's views are not.
    """
    function = _imported(name, value) if is_dotted_path(value) else value
    if not callable(function):
        raise ImproperlyConfigured(f"{name} is neither a function nor the dotted path of one.")
    if iscoroutinefunction(function):
        raise ImproperlyConfigured(f"{name} is async; it must be a plain function.")
    plain: Callable[..., Any] = function
    return plain


def _imported(name: str, path: str) -> Any:
    try:
        return import_string(path)
    except Exception as error:
        # Whatever a module of the site's raises while it is imported.
        raise ImproperlyConfigured(f"{name} can't be imported: {path}") from error
