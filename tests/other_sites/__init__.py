"""Sites whose settings need a process of their own, each with its tests.

``python -m pytest --ds=tests.other_sites.email_login tests/other_sites/email_login_tests.py``
"""
