"""Secrets of a call that no other server receives and no log record contains."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from unittest.mock import DEFAULT

import pytest

from django_plasgate_ip.client import transport
from django_plasgate_ip.exceptions import ExchangeError, InvalidResponse
from tests.client.conftest import ends_soon, exchange
from tests.provider import BODY, PATIENCE, Wire, answer, resets, says, serve, serves
from tests.settings import PLASGATE_IP_PRIVATE_KEY as PRIVATE_KEY
from tests.settings import PLASGATE_IP_SECRET_KEY as SECRET_KEY
from tests.visitor import CODE


@pytest.mark.parametrize(("status", "length"), [("302 Found", 99), ("307 Temp", 0)])
def test_a_redirect_is_neither_followed_nor_read(status, length, start):
    elsewhere = start(serve)

    def play(wire: Wire) -> None:
        wire.request()
        head = f"HTTP/1.1 {status}\r\nLocation: http://{elsewhere.address}/\r\n"
        wire.send(f"{head}Content-Length: {length}\r\n\r\n".encode())
        wire.wait()

    start(play)

    with ends_soon(), pytest.raises(InvalidResponse, match=status[:3]):
        exchange()
    assert elsewhere.connections == 0


def test_the_next_call_on_a_connection_has_its_own_keys_and_no_cookie(start):
    cookie = "Set-Cookie: session=somebody; Path=/; Domain=127.0.0.1"
    provider = start(serves(answer(BODY, "200 OK", cookie)))
    for tenant in ("tenant-a", "tenant-b"):
        exchange(private_key=tenant, secret_key=f"secret-of-{tenant}")

    assert provider.connections == 1
    for request, mine, other in zip(provider.requests, "ab", "ba", strict=True):
        assert f"private_key=tenant-{mine}".encode() in request
        assert f"X-Secret: secret-of-tenant-{mine}".encode() in request
        assert f"tenant-{other}".encode() not in request
        assert b"cookie" not in request.lower()


def test_the_proxy_is_a_setting_and_proxies_and_netrc_of_the_environment_are_ignored(
    start, tmp_path, monkeypatch, settings
):
    proxy, provider = start(serve), start(serve)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.setenv(name.lower(), f"http://{proxy.address}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    assert exchange().succeeded
    assert proxy.connections == 0
    assert b"authorization" not in provider.requests[0].lower()

    settings.PLASGATE_IP_PROXY = f"http://somebody:else@{proxy.address}"
    assert exchange(base_url="http://plasgate.invalid/ip/").succeeded
    (request,) = proxy.requests
    assert request.startswith(b"POST http://plasgate.invalid/ip/ip-auth?private_key=")
    assert b"Proxy-Authorization: Basic " in request


@pytest.mark.parametrize(
    "play",
    [
        serve,
        # urllib3 warns about these headers, repeats them, and logs a traceback.
        says(f"HTTP/1.1 200 OK\r\nno colon\r\nX: {SECRET_KEY} {CODE}\r\n\r\n".encode()),
        resets,
    ],
)
def test_nothing_secret_is_logged_at_any_level(play, start, caplog, dialling):
    caplog.set_level(logging.DEBUG)
    start(play)
    # urllib3 also warns about a second try.
    dialling.side_effect = [ConnectionRefusedError, DEFAULT]
    with suppress(ExchangeError):
        exchange()

    assert "Retrying" in caplog.text
    for record in caplog.records:
        seen = f"{record.getMessage()} {vars(record)}"
        assert [secret for secret in (PRIVATE_KEY, SECRET_KEY, CODE) if secret in seen] == []
        # The locals of its frames have the URL.
        assert record.exc_info is None


def test_records_of_other_callers_do_not_change(caplog):
    """Even if a record has a URL like the exchange's, and another thread is in a call."""
    logger = logging.getLogger("urllib3.connectionpool")
    caplog.set_level(logging.DEBUG)

    def theirs() -> None:
        try:
            raise ValueError("theirs")
        except ValueError:
            logger.warning("%s: %r", "/ip/ip-auth?private_key=theirs", {"a": 1}, exc_info=True)

    with transport.deadline(PATIENCE), ThreadPoolExecutor(1) as pool:
        pool.submit(theirs).result(PATIENCE)

    (record,) = caplog.records
    assert record.getMessage() == "/ip/ip-auth?private_key=theirs: {'a': 1}"
    assert record.exc_info is not None
    assert record.args == ("/ip/ip-auth?private_key=theirs", {"a": 1})
