"""Endpoints for Django REST framework, for apps without cookies. Needs the extra ``rest``.

A site includes ``django_plasgate_ip.contrib.rest.urls``. The documentation describes them on its
page "Apps without cookies".
"""

try:
    import rest_framework  # noqa: F401
except ModuleNotFoundError:
    raise ImportError(
        "django_plasgate_ip.contrib.rest needs Django REST framework: "
        "python -m pip install 'django-plasgate-ip[rest]'"
    ) from None
