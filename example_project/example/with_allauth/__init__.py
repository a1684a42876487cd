"""The example with django-allauth for its accounts: log in by name, or by a verified number.

With django-allauth installed, beside the example's own needs::

    DJANGO_SETTINGS_MODULE=example.with_allauth.settings python manage.py demo

``settings`` and ``urls`` are what a site adds; ``adapter`` is what it can copy.
"""
