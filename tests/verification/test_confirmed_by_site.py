"""What a site has confirmed by its own means: what is stored, and whom it lets in."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import transaction
from django.http import HttpRequest
from django.views.generic import View

from django_plasgate_ip import flow
from django_plasgate_ip.decorators import PhoneVerifiedRequiredMixin, phone_verified_required
from django_plasgate_ip.exceptions import InvalidPhoneNumber
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.testing import make_verification
from django_plasgate_ip.verification import limits
from tests.verification.rows import stored
from tests.visitor import NUMBER, TYPED, request_of

pytestmark = pytest.mark.django_db

NETWORK = ("network",)
OTHER_NUMBER = "+85512345678"


def test_a_verified_row_of_the_account_is_stored(user):
    row = flow.confirm(user, "០៧៧ ៦៩៦ ១១៨")

    make_verification(user, method="sms")
    own = dict.fromkeys(("id", "created_at", "completed_at"))
    confirmed, made = (columns | own for columns in PhoneVerification.objects.values())
    assert confirmed == made
    assert (row.user, row.phone_number, row.method, row.status) == (user, NUMBER, "sms", "verified")
    assert (row.session_id, row.scopes, row.claims, row.duration) == ("", "", {}, timedelta())
    assert str(row.visitor_message) == "Your number is verified."


def test_it_counts_unless_the_network_is_required(user):
    rows, request = PhoneVerification.objects, request_of(user)
    flow.confirm(user, TYPED)

    assert rows.is_verified(user, TYPED)
    assert flow.is_verified(request)
    assert rows.is_verified(user, methods=["sms", "voice"])
    for methods in (NETWORK, "network", ()):
        assert not rows.is_verified(user, methods=methods)
        assert not flow.is_verified(request, methods=methods)
    make_verification(user)
    assert flow.is_verified(request, methods="network")
    assert rows.by_network().count() == 1


class Members(PhoneVerifiedRequiredMixin, View):
    def get(self, request: HttpRequest) -> str:
        return "in"


def test_a_view_may_require_the_network(user):
    decorated = phone_verified_required(methods=NETWORK)(lambda request: "in")
    by_network: list[Any] = [decorated, Members.as_view(phone_verified_methods=NETWORK)]
    any_method: Any = Members.as_view()
    flow.confirm(user, TYPED)

    assert any_method(request_of(user)) == "in"
    for view in by_network:
        assert view(request_of(user))["Location"].startswith("/phone/?again=1&next=")
    make_verification(user)
    assert [view(request_of(user)) for view in by_network] == ["in", "in"]


@pytest.mark.django_db(transaction=True)
def test_the_signal_is_sent_after_the_commit(user, receivers):
    request = request_of(user)
    with transaction.atomic():
        row = flow.confirm(user, TYPED, "voice", request)
        assert receivers.heard == []

    assert receivers.heard == [("verified", row)]
    assert receivers.verified.call_args.kwargs["request"] is request


@pytest.mark.parametrize("method", ["", "network", "Network", "sms code", "a" * 33, "ស", None])
def test_a_method_is_a_short_name_and_not_plasgates(user, method):
    with pytest.raises(ValueError, match="method"):
        flow.confirm(user, TYPED, method)


def test_an_account_and_a_number_are_required(user):
    others = Group.objects.create(pk=user.pk)
    for nobody in (None, AnonymousUser(), User(pk=7), User(), others):
        with pytest.raises(ValueError, match="Anonymous visitors log in first"):
            flow.confirm(nobody, TYPED)
    for number in (None, "", "077"):
        with pytest.raises(InvalidPhoneNumber):
            flow.confirm(user, number)
    assert not PhoneVerification.objects.exists()


def test_it_is_not_the_operators_proof_even_with_the_columns_of_one(user):
    row = flow.confirm(user, TYPED)
    make_verification(user)
    assert PhoneVerification.objects.trusted().exclude(pk=row.pk).exists()

    PhoneVerification.objects.update(method="sms")
    assert not PhoneVerification.objects.trusted().exists()


def test_it_is_no_start(user, settings):
    settings.PLASGATE_IP_MAX_STARTS_PER_NUMBER = settings.PLASGATE_IP_MAX_STARTS_PER_USER = 1
    flow.confirm(user, TYPED)

    limits.check(stored(user=user))


def test_another_number_is_a_change_and_a_number_of_two_accounts_is_logged(
    user, other_user, caplog, django_capture_on_commit_callbacks
):
    make_verification(user)
    make_verification(user, phone_number=OTHER_NUMBER)
    make_verification(other_user)

    with django_capture_on_commit_callbacks(execute=True):
        first, again = flow.confirm(user, TYPED), flow.confirm(user, TYPED)

    assert (first.number_changed, again.number_changed) == (True, False)
    assert not first.mobile_id_changed  # nothing is known of the SIM card
    assert flow.has_changed(request_of(user))
    assert caplog.messages[0] == f"number_held_twice verification={first.pk} user={user.pk}"
