"""Sites that one process can't be beside ours: each has settings, and tests that pytest is named.

``python -m pytest --ds=tests.other_sites.email_login tests/other_sites/email_login_tests.py``
"""
