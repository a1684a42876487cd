"""A verification through Django's ASGI handler."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient

from tests.conftest import Answers, Receivers
from tests.visitor import Visitor, newest, outcome


class AsgiVisitor(Visitor):
    """The same browser, whose requests go through Django's ASGI handler."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(**defaults)
        self._client = AsyncClient(enforce_csrf_checks=True)
        self._client.cookies = self.cookies

    def get(self, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return self._send(self._client.get, path, *args, **kwargs)

    def post(self, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return self._send(self._client.post, path, *args, **kwargs)

    def _send(self, method: Any, path: str, *args: Any, **kwargs: Any) -> Any:
        response = async_to_sync(method)(path, *args, **kwargs)
        assert response.asgi_request.scope["type"] == "http"
        response.request["PATH_INFO"] = path
        return response


def test_a_number_is_verified_and_its_signal_is_sent_once(
    user: User, answers: Answers, receivers: Receivers
) -> None:
    answers()
    browser = AsgiVisitor()
    browser.force_login(user)

    for response in (browser.verify(next="/here/"), browser.come_back()):
        assert response["Location"] == "/here/"
    assert outcome() == ("verified", "")
    assert newest().user == user
    assert receivers.heard == [("verified", newest())]
    assert len(answers.calls) == 1
