"""The example on several machines: any process takes any request, so all state is shared.

PostgreSQL holds the verifications, Redis the sessions and the cache. Each machine needs the same
``SECRET_KEY``, ``ALLOWED_HOSTS``, ``DATABASE_URL``, ``REDIS_URL``, PlasGate keys and
``PLASGATE_IP_PUBLIC_URL``, which is the address of the load balancer.
"""

from django.core.exceptions import ImproperlyConfigured

from example.settings import *  # noqa: F403
from example.settings import DEBUG, env

if DEBUG:
    raise ImproperlyConfigured(
        "Set DEBUG=False: the sandbox and the debug pages are for development."
    )

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL"),
        # To open a connection takes longer than all the queries of a request.
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
# Django reads sessions from Redis and also writes them to the database. If Redis loses them, users
# stay signed in, and visitors can come back from the operator.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
