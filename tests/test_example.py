"""The example project in processes of its own, as after a fresh clone."""

import html
import os
import re
import runpy
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests

import django_plasgate_ip
from django_plasgate_ip.sandbox.magic_numbers import Outcome
from tests.docs.pages import blocks
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY

EXAMPLE = Path(__file__).parent.parent / "example_project"
PACKAGE_FOLDER = Path(django_plasgate_ip.__file__).parent.parent
REAL_KEYS = {"PLASGATE_IP_PRIVATE_KEY": PRIVATE_KEY, "PLASGATE_IP_SECRET_KEY": SECRET_KEY}
PRODUCTION = {"DEBUG": "False", "SECRET_KEY": "$" + "aB3$" * 16, "ALLOWED_HOSTS": "shop.example"}
SANDBOX = "django_plasgate_ip.sandbox"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def copied_to(folder: Path) -> Path:
    """Return a copy of the example, without a developer's own .env and database."""
    ignore = shutil.ignore_patterns(".env", "*.sqlite3*", "__pycache__")
    return Path(shutil.copytree(EXAMPLE, folder / "example_project", ignore=ignore))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return copied_to(tmp_path)


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as browser:
        browser.trust_env = False
        yield browser


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a fresh shell, and `variables`."""
    kept = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": str(PACKAGE_FOLDER),
        "PYTHONIOENCODING": "ascii",  # the output must be printable on any console
        **variables,
    }


def command(site: Path, *arguments: str) -> list[str]:
    """Return a command of the site's, in which a warning is an error."""
    return [sys.executable, "-W", "error", str(site / "manage.py"), *arguments]


def manage(site: Path, *arguments: str, **variables: str) -> Any:
    """Run a command of the site's to its end."""
    options: Any = {"capture_output": True, "text": True, "timeout": 60, "check": False}
    return subprocess.run(command(site, *arguments), env=environment(**variables), **options)


@contextmanager
def demo(site: Path, port: int, *arguments: str, **variables: str) -> Iterator[tuple[str, str]]:
    """Run the demo; yield its address and what it printed. Stop it as Ctrl+C does."""
    log = site / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command(site, "demo", "--port", str(port), *arguments),
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # A background job, such as CI, ignores Ctrl+C, and its children inherit that.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        ) as process,
    ):
        assert process.stdout is not None
        printed = "".join(takewhile(lambda line: "Ctrl+C" not in line, process.stdout))
        try:
            yield re.findall(r"^Open (\S+)/$", printed, re.MULTILINE)[0], printed
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
    assert process.returncode == 0, log.read_text()


def settings_of(site: Path, dotenv: str = "", **variables: str) -> dict[str, Any]:
    (site / ".env").write_text(dotenv)
    with mock.patch.dict(os.environ, environment(**variables), clear=True):
        return runpy.run_path(str(site / "example" / "settings.py"))


def steps(printed: str) -> list[str]:
    """Return each printed request without its query and without ids."""
    found = re.findall(r"^  (browser|app|site) +(GET|POST) +(\d+)  (\S+)", printed, re.MULTILINE)
    return [re.sub(rf"\?.*|{UUID}/", "", " ".join(step)) for step in found]


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def send(browser: requests.Session, page: requests.Response, url: str = "", **fields: str) -> Any:
    """Send the page's form with its hidden fields, and follow redirects."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    data = {name: html.unescape(value) for name, value in hidden} | fields
    return browser.post(url or page.url, data=data, timeout=30)


def test_once_makes_a_verification_and_prints_each_step_and_the_row_without_secrets(site):
    closed = "http://127.0.0.1:9/"
    others = {"PLASGATE_IP_BASE_URL": closed, "http_proxy": closed}
    others["PLASGATE_IP_PUBLIC_URL"] = "https://shop.example"
    result = manage(site, "demo", "--once", **others)

    assert (result.returncode, result.stderr) == (0, "")
    printed = result.stdout
    assert steps(printed) == [
        "browser GET 302 /members/",
        "browser GET 200 /accounts/login/",
        "browser POST 302 /accounts/login/",
        "browser GET 302 /members/",
        "browser GET 200 /phone/",
        "browser POST 302 /phone/",
        "browser GET 302 /sandbox/authenticate",
        "site POST 200 /sandbox/ip-auth",
        "browser GET 303 /phone/callback/",
        "browser GET 200 /members/",
    ]
    row = dict(re.findall(r"^  (\w[\w ]+?)  +(\S.*)$", printed.partition("row:")[2], re.M))
    columns = [row[name] for name in ("phone number", "status", "reason", "scopes")]
    assert columns == ["+855 77 *** *18", "verified", "-", "mobile_id phone_verify"]
    assert re.fullmatch(UUID, row["id"])
    assert re.fullmatch(r"[0-9a-f]{8}\.\.\. \(64 characters\)", row["sub"])
    assert re.fullmatch(r"\d+\.\d\d s", row["duration"])
    assert "code=..." in printed
    for secret in ("sandbox-private-key", "$5$", "77696118", "77 696 118"):
        assert secret not in printed
    assert not re.search(rf"{UUID}\.{UUID}|[0-9a-f]{{64}}", printed)
    # The site's own database is left alone.
    assert not list(site.rglob("*.sqlite3*"))


def test_once_an_app_verifies_without_a_cookie(site):
    result = manage(site, "demo", "--once", "--app")

    assert (result.returncode, result.stderr) == (0, "")
    assert steps(result.stdout) == [
        "app POST 200 /api/token/",
        "app POST 201 /api/phone/",
        "app GET 302 /sandbox/authenticate",
        "site POST 200 /sandbox/ip-auth",
        "app POST 200 /api/phone/complete/",
        "app GET 200 /api/members/",
    ]
    assert "Verified, and the members' API is open." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "said"),
    [
        (["--once", "--app", "--number", "85577696119"], {}, 1, "not_on_mobile_data"),
        (["--once", "--app", "--number", "85577696126"], {}, 1, "the visitor was not sent back"),
        (["--once", "--app", "--number", "12"], {}, 1, "the last page answered 400"),
        (["--app"], {}, 2, "--app needs --once"),
        # It must not spend a real balance.
        (["--once"], REAL_KEYS, 2, "--once needs the sandbox"),
        ([], REAL_KEYS | PRODUCTION, 1, "needs DEBUG=True"),
    ],
)
def test_what_the_demo_can_not_do_is_reported(site, arguments, variables, status, said):
    result = manage(site, "demo", *arguments, **variables)
    assert result.returncode == status
    assert said in result.stderr
    assert status != 2 or result.stdout == ""


def test_the_documented_walk_by_curl_verifies_without_a_cookie(site):
    commands = "\n".join(text for *_, text in list(blocks("Walk through it with curl"))[1:])
    with demo(site, 0) as (address, _):
        assert "SITE=http://127.0.0.1:8000\n" in commands
        script = commands.replace("http://127.0.0.1:8000", address)
        command = ["bash", "-euo", "pipefail", "-c", script]
        walk = subprocess.run(command, env=environment(), capture_output=True, text=True)

    assert (walk.returncode, walk.stderr) == (0, "")
    started, ended, again, members = re.findall(r"\{.*?\}", walk.stdout)
    assert '"handle":' in started
    assert '"status":"verified"' in ended
    assert again == ended
    assert members == '{"username":"demo","phone_number":"+855 77 *** *18"}'


def test_once_exits_with_the_reason_of_a_number_that_is_not_verified(site):
    database = site / "named.sqlite3"
    arguments = ("demo", "--once", "--number", "85577696119")
    result = manage(site, *arguments, DATABASE_URL=f"sqlite:///{database}")

    assert result.returncode == 1
    assert re.search(r"^  status +failed$", result.stdout, re.MULTILINE)
    assert "CommandError: Not verified: not_on_mobile_data." in result.stderr
    assert rows(database, "SELECT username, is_staff FROM auth_user") == [("demo-once", 0)]


def test_the_demo_serves_the_numbers_to_try_and_an_account_that_verifies_one(site, browser):
    # Not the default address, as for a phone in the same network.
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(site, port, "--host", "127.0.0.2") as (address, printed):
            home = browser.get(f"{address}/", timeout=30)
            styles = re.findall(r'href="(/static/example/\S+\.css)"', home.text)
            assert browser.get(address + styles[0], timeout=30).ok
            name, password = re.findall(r"Log in as (\S+) with the password (\S+)", printed)[0]
            login = browser.get(f"{address}/members/", timeout=30)
            start = send(browser, login, username=name, password=password)
            members = send(browser, start, phone_number="077 696 118")
            code_page = browser.get(f"{address}/phone-code/", timeout=30)
            code_sent = send(browser, code_page, phone_number="077 696 118")
            admin = browser.get(f"{address}/admin/auth/user/", timeout=30)

    assert f"Port {port} is taken" in printed
    assert address.startswith("http://127.0.0.2:")
    assert not address.endswith(f":{port}")
    text = " ".join(printed.split())
    for outcome in Outcome:
        assert f"{outcome.phone_number} {outcome.happens}" in text
        assert outcome.phone_number in home.text
    assert members.url == f"{address}/members/"
    assert "Welcome, demo! Your number is verified." in members.text
    assert "+855 77 *** *18" in members.text
    assert "Verify by SMS" in code_page.text
    assert "We have sent you a code." in code_sent.text
    assert "Select user to change" in admin.text
    log = (site / "log").read_text()
    assert '"GET /phone/callback/?... HTTP/1.1" 303' in log
    assert "code=" not in log


def test_with_real_keys_the_demo_has_no_sandbox_and_no_account_with_a_known_password(site, browser):
    with demo(site, 0, **REAL_KEYS) as (address, printed):
        page = browser.get(f"{address}/sandbox/authenticate", timeout=30)

    assert page.status_code == 404
    assert "https://cloudapi.plasgate.com/ip/" in printed
    assert "demo-password" not in printed
    assert rows(site / "db.sqlite3", "SELECT username FROM auth_user") == []


def test_the_secret_of_the_api_page_loads_from_the_env_file_and_the_environment(site):
    for line in (
        f"PLASGATE_IP_SECRET_KEY='{SECRET_KEY}'",
        f'PLASGATE_IP_SECRET_KEY="{SECRET_KEY}"',
        f"PLASGATE_IP_SECRET_KEY={SECRET_KEY}",
        f"export PLASGATE_IP_SECRET_KEY='{SECRET_KEY}'",
    ):
        assert settings_of(site, f"{line}\n")["PLASGATE_IP_SECRET_KEY"] == SECRET_KEY, line
    # The environment wins over the file.
    loaded = settings_of(site, "PLASGATE_IP_SECRET_KEY=other\n", **REAL_KEYS)
    assert loaded["PLASGATE_IP_SECRET_KEY"] == SECRET_KEY


def test_the_site_calls_plasgate_with_both_keys_and_has_the_sandbox_without(site):
    loaded = settings_of(site)
    assert SANDBOX in loaded["INSTALLED_APPS"]
    assert loaded["PLASGATE_IP_CREDENTIALS"] == f"{SANDBOX}.credentials.for_request"
    # The limits would lock out whoever tries the few numbers a second time.
    limits = {loaded[f"PLASGATE_IP_MAX_STARTS_PER_{name}"] for name in ("NUMBER", "USER")}
    assert limits == {None}
    assert loaded["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"

    loaded = settings_of(site, "".join(f"{key}='{value}'\n" for key, value in REAL_KEYS.items()))
    assert loaded["PLASGATE_IP_PRIVATE_KEY"] == PRIVATE_KEY
    assert loaded["PLASGATE_IP_BASE_URL"] == "https://cloudapi.plasgate.com/ip/"
    assert SANDBOX not in loaded["INSTALLED_APPS"]
    assert not {name for name in loaded if re.match("PLASGATE_IP_(CREDENTIALS|MAX)", name)}


def test_in_production_there_is_no_sandbox_even_without_keys(site):
    url = "postgres://sok:pass@db.example:5433/shop"
    loaded = settings_of(site, DATABASE_URL=url, **PRODUCTION)

    assert SANDBOX not in loaded["INSTALLED_APPS"]
    assert loaded["SECRET_KEY"] == PRODUCTION["SECRET_KEY"]
    assert loaded["DATABASES"]["default"]["HOST"] == "db.example"


def test_the_env_example_names_every_variable_and_its_examples_load(site):
    text = (site / ".env.example").read_text()
    source = (site / "example" / "settings.py").read_text()
    read = set(re.findall(r'env(?:iron)?\.\w+\(\s*"([A-Z_]+)"', source))

    assert settings_of(site, text)["DATABASES"] == settings_of(site)["DATABASES"]
    loaded = settings_of(site, re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE))

    assert set(re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE)) == read
    assert "www.example.com" in loaded["ALLOWED_HOSTS"]
    expected = REAL_KEYS | {
        "DEBUG": False,
        "CSRF_TRUSTED_ORIGINS": ["https://www.example.com"],
        "PLASGATE_IP_ENCRYPTION_KEYS": ["new-key", "old-key"],
    }
    assert loaded | expected == loaded


def test_the_checks_find_nothing_with_both_keys_or_none_and_a_message_with_one(site):
    for variables in ({}, REAL_KEYS):
        result = manage(site, "check", **variables)
        assert "System check identified no issues" in result.stdout
        assert result.stderr == ""

    for arguments, number in (([], "W015"), (["--deploy"], "E002")):
        result = manage(site, "check", *arguments, PLASGATE_IP_PRIVATE_KEY=PRIVATE_KEY)
        assert result.returncode == (1 if number.startswith("E") else 0)
        assert f"django_plasgate_ip.{number}" in result.stderr
