"""What objects of the package show of themselves, and that hiding changes nothing else."""

import copy
import json
import pickle
import pprint
from dataclasses import replace
from urllib.parse import urlencode

import phonenumbers
import pytest
from django.views.debug import ExceptionReporter
from phonenumber_field.phonenumber import PhoneNumber

from django_plasgate_ip import exceptions, flow, phones
from django_plasgate_ip.client import credentials
from django_plasgate_ip.client.api import PlasGateClient
from django_plasgate_ip.conf import conf
from django_plasgate_ip.encryption import Sealed
from django_plasgate_ip.forms import StartForm
from django_plasgate_ip.models import PhoneVerification
from django_plasgate_ip.redaction import Hidden
from django_plasgate_ip.verification import verdict
from tests import kept
from tests.privacy import canaries
from tests.privacy.canaries import E164, MASKED, MOBILE_ID, NATIONAL
from tests.visitor import newest, request_of

pytestmark = pytest.mark.django_db


def test_no_object_shows_a_canary(visitor, provider, search):
    visitor.verify(NATIONAL)
    request = request_of()
    begun = flow.begin(request, NATIONAL, next_url="/here/")
    row = newest()
    client = PlasGateClient()
    answer = client.exchange("a code", "a state", "https://www.example.com/")
    form = StartForm({"phone_number": NATIONAL})
    assert form.is_valid()
    with pytest.raises(exceptions.InvalidPhoneNumber) as caught:
        phones.parse(f"{NATIONAL} ext 5")

    shown = (
        (begun, row, client, vars(client), form.cleaned_data, conf, caught.value),
        PhoneVerification.objects.values("claims", "phone_number").get(pk=row.pk),
        client.authorize_url("https://www.example.com/", "phone_verify", NATIONAL),
        (Sealed.seal(canaries.VERIFIED), credentials.for_request(request)),
        (replace(answer, phone_number=canaries.DIGITS), answer.sub, answer.mobile_id),
        verdict.judge(answer, ["phone_verify", "mobile_id", "profile"], row.phone_number),
        (phones.e164(row.phone_number), phones.digits(row.phone_number)),
    )
    search.look("repr", pprint.pformat(shown))
    search.look_at_objects_of_ours()


def test_hidden_text_is_text_except_for_its_repr_and_is_stored_as_text():
    hidden = Hidden(MOBILE_ID)
    number = phones.parse(NATIONAL)

    assert repr(hidden) == "'***'"
    assert hidden == f"{hidden}" == str(hidden) == MOBILE_ID
    assert json.dumps({"id": hidden}) == json.dumps({"id": MOBILE_ID})
    assert urlencode({"id": hidden}) == f"id={MOBILE_ID}"
    assert pickle.loads(pickle.dumps(hidden)) == MOBILE_ID  # noqa: S301 - pickled here
    for same in (copy.copy(number), copy.deepcopy(number), pickle.loads(pickle.dumps(number))):  # noqa: S301
        assert (same, repr(same)) == (number, f"<Number {MASKED}>")

    row = kept.verified(mobile_id=hidden)
    PhoneVerification.objects.filter(mobile_id=hidden).update(sub=Hidden("a sub"))
    row.refresh_from_db()
    assert (row.mobile_id, row.sub, type(row.sub)) == (MOBILE_ID, "a sub", str)


@pytest.mark.parametrize("value", [E164, PhoneNumber.from_string(E164), phonenumbers.parse(E164)])
def test_a_rows_number_is_masked_for_each_assigned_type_and_each_way_to_read_it(value):
    row = PhoneVerification(phone_number=value, session_id="b")
    assert repr(row.phone_number) == f"<Number {MASKED}>"

    row.save()

    assert row.phone_number == PhoneNumber.from_string(E164)
    rows = PhoneVerification.objects.filter(phone_number=value)
    for read in (
        rows.get().phone_number,
        rows.values("phone_number").get()["phone_number"],
        rows.values_list("phone_number", flat=True).get(),
        rows.defer("phone_number").get().phone_number,
    ):
        assert repr(read) == f"<Number {MASKED}>"
        assert phones.e164(read) == E164


def test_a_hidden_setting_is_hidden_on_djangos_error_pages(settings):
    settings.PLASGATE_IP_PROXY = Hidden("http://somebody:canary-9Qvz4k@127.0.0.1:1")
    reporter = ExceptionReporter(request_of(), None, None, None)

    for page in (reporter.get_traceback_text(), reporter.get_traceback_html()):
        assert "PLASGATE_IP_PROXY" in page
        assert "canary-9Qvz4k" not in page
