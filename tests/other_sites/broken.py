"""A module of a site's that can't be imported."""

raise ZeroDivisionError
