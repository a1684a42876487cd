"""The example on several machines: any process takes any request, so all state is shared.

PostgreSQL holds the attempts, Redis the sessions and the cache. The same environment on each
machine: ``SECRET_KEY``, ``ALLOWED_HOSTS``, ``DATABASE_URL``, ``REDIS_URL``, the keys, and
``PLASGATE_IP_PUBLIC_URL`` with the address of what spreads the visitors over the machines.
"""

from django.core.exceptions import ImproperlyConfigured

from example.settings import *  # noqa: F403
from example.settings import DEBUG, env

if DEBUG:
    raise ImproperlyConfigured("Set DEBUG=False: the sandbox and the debug pages are for a desk.")

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL"),
        # A connection costs more than all the queries of a request.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.str("REDIS_URL"),
    }
}
# Read from Redis, and written to the database, too: a Redis that forgets signs nobody out, and
# loses nobody who is on the way to the operator.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
