"""``python -m benchmarks``: measure the app and its references, and print one table.

``DATABASE_URL`` names a PostgreSQL server. Without it, the groups that run on
SQLite are measured.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import certifi
from cryptography.fernet import Fernet

from benchmarks.lines import Line, table
from benchmarks.options import FULL, SMOKE, Options
from benchmarks.provider import RemoteProvider
from tests import certificates

# In this order, because the last groups change the large table.
GROUPS = ("web", "capacity", "waiting", "growth", "weight", "keeping")
# These need several processes on one database, or PostgreSQL's SQL.
POSTGRESQL = ("capacity", "waiting", "growth", "weight", "keeping")


def main() -> None:
    """Measure the groups that the command line names."""
    arguments = _arguments()
    options = SMOKE if arguments.smoke else FULL
    if arguments.rows:
        options = replace(options, rows=arguments.rows)
    with tempfile.TemporaryDirectory(prefix="plasgate-ip-bench-") as folder:
        certificate = _prepare(Path(folder))
        lines = list(_measured(options, arguments.only or GROUPS, certificate))
    print(f"\n{machine()}\n\n{table(lines)}")
    if arguments.json:
        report = {"machine": machine(), "lines": [line.as_json() for line in lines]}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small and quick run")
    parser.add_argument("--rows", type=int, help="rows of the large table; one million by default")
    parser.add_argument(
        "--only", action="append", choices=GROUPS, help="measure only this group; can be repeated"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _prepare(folder: Path) -> Path:
    """Set the environment variables that the settings read. Return the provider's certificate."""
    certificate = certificates.self_signed(folder / "server.pem", "localhost", "127.0.0.1")
    bundle = folder / "bundle.pem"
    # Parsing the bundle is the main cost of a connection, so this one includes certifi's.
    bundle.write_bytes(Path(certifi.where()).read_bytes() + certificate.read_bytes())
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "BENCH_RUN": str(os.getpid()),
        "BENCH_FOLDER": str(folder),
        "BENCH_CA_BUNDLE": str(bundle),
        # The same for all processes of the site.
        "BENCH_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    return certificate


def _measured(options: Options, groups: Collection[str], certificate: Path) -> Iterator[Line]:
    import django

    django.setup()
    from benchmarks import database

    with RemoteProvider(certificate) as provider, database.databases():
        for group in GROUPS:
            if group in groups:
                yield from _reported(_group(group, options, provider))


def _group(group: str, options: Options, provider: RemoteProvider) -> Iterator[Line]:
    from django.db import connection

    from benchmarks import capacity, database, growth, keeping, waiting, web, weight

    if connection.vendor == "postgresql":
        # Also for groups that need no rows: a large table has other query plans than an empty one.
        database.fill_once(options)
    elif group in POSTGRESQL:
        sys.stderr.write(f"{group}: skipped, because it needs PostgreSQL (DATABASE_URL)\n")
        return iter(())
    lines: dict[str, Callable[[], Iterator[Line]]] = {
        "web": lambda: web.lines(options, provider),
        "capacity": lambda: capacity.lines(options, provider),
        "waiting": lambda: waiting.lines(options, provider),
        "growth": lambda: growth.lines(options),
        "weight": weight.lines,
        "keeping": lambda: keeping.lines(options),
    }
    return lines[group]()


def _reported(lines: Iterator[Line]) -> Iterator[Line]:
    """Write each line to standard error as soon as it is measured."""
    for line in lines:
        sys.stderr.write("  ".join(cell for cell in line.cells() if cell) + "\n")
        yield line


def machine() -> str:
    """Return a description of the machine: database, Python, Django, cores and platform."""
    import django
    from django.db import connection

    connection.ensure_connection()
    version = ".".join(map(str, connection.get_database_version()))
    return (
        f"{connection.vendor} {version}, Python {platform.python_version()}, "
        f"Django {django.get_version()}, {os.cpu_count()} cores, {platform.platform()}"
    )


if __name__ == "__main__":
    main()
