"""The page for visitors whose network can't verify them: a code by SMS.

Its state is in the cache, which counts atomically: Redis or Memcached, shared by all processes.
"""

import secrets
import time
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from django_plasgate_ip import flow
from django_plasgate_ip.forms import PhoneNumberField

HOUR = 60 * 60
# Seconds for which a code is valid, and how often it may be typed.
LIFETIME, TRIES = 10 * 60, 5
# How many codes are sent in an hour: to one user, to one number, and in all. Each costs you money.
SENDS = {"user": 5, "number": 3, "site": 200}


@sensitive_variables()
def send_sms(phone_number: str, text: str) -> None:
    """Send a text. Replace this with your provider's call: it prints the code."""
    print(f"SMS to {phone_number}: {text}", flush=True)


class NumberForm(forms.Form):
    phone_number = PhoneNumberField(label=gettext_lazy("Phone number"))

    def clean_phone_number(self) -> Any:
        number = self.cleaned_data["phone_number"]
        # SECURITY: fraudsters have codes sent to numbers abroad that earn them money.
        if number.country_code != 855:
            raise forms.ValidationError(_("We can't send a code to this country."))
        return number


class CodeForm(forms.Form):
    # \d also matches Khmer digits.
    code = forms.RegexField(
        r"^\d{6}$",
        label=gettext_lazy("Code from the SMS"),
        error_messages={"invalid": gettext_lazy("The code has six digits.")},
        widget=forms.TextInput(
            {"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


@never_cache
@login_required
@sensitive_post_parameters()
@sensitive_variables()
def phone_code(request: HttpRequest) -> HttpResponse:
    """Send a code to the number that the visitor types, and check the code that they type."""
    is_code = "code" in request.POST
    code_form = CodeForm(request.POST if is_code else None)
    number_form = NumberForm(request.POST if request.method == "POST" and not is_code else None)
    if code_form.is_valid():
        # int reads the digits of any script.
        if number := _number_of(request.user, f"{int(code_form.cleaned_data['code']):06}"):
            flow.confirm(request.user, number, method="sms", request=request)
            return redirect("members")
        code_form.add_error("code", _("This code is wrong or too old. You can ask for a new one."))
    if number_form.is_valid():
        if _send_code(request.user, number_form.cleaned_data["phone_number"].as_e164):
            return redirect("phone-code")
        number_form.add_error(None, _("Too many codes were sent. Try again in an hour."))
    sent_to, _unused = cache.get(_key(request.user), ("", ""))
    number_form.initial["phone_number"] = sent_to or _typed_before(request)
    context = {"code_form": code_form, "number_form": number_form, "is_sent": bool(sent_to)}
    return render(request, "phone_code.html", context)


def _typed_before(request: HttpRequest) -> Any:
    """Return the number of the verification that brought this browser here."""
    started = flow.latest(request)
    # SECURITY: in a hand-off, the owner of another phone has typed it.
    is_own = started and started.user == request.user and not started.is_handed_over
    return started.phone_number if started and is_own else ""


@sensitive_variables()
def _send_code(user: Any, number: str) -> bool:
    """Send a new code, which replaces the last one. Return False if a limit is reached."""
    hour = int(time.time() // HOUR)
    of = {"user": user.pk, "number": number, "site": ""}
    if any(_count(name, of[name], hour) > most for name, most in SENDS.items()):
        return False
    code = f"{secrets.randbelow(10**6):06}"
    cache.set(_key(user), (number, _digest(user, number, code)), LIFETIME)
    text = _("%(code)s is your code for Example club. Do not give it to anybody.")
    send_sms(number, text % {"code": code})
    return True


@sensitive_variables()
def _number_of(user: Any, code: str) -> str:
    """Return the number that this code was sent to, once; an empty text for a wrong code."""
    number, digest = cache.get(_key(user), ("", ""))
    # SECURITY: counted before the comparison, so that guesses at the same moment count, too.
    if not digest or _count("tries", digest) > TRIES:
        return ""
    if not constant_time_compare(digest, _digest(user, number, code)):
        return ""
    # Of two requests with the right code, only one deletes it.
    return str(number) if cache.delete(_key(user)) else ""


def _key(user: Any) -> str:
    return f"phone-code:{user.pk}"


def _digest(user: Any, number: str, code: str) -> str:
    """Return a keyed hash, so that whoever reads the cache can't read the code."""
    return salted_hmac("phone-code", f"{user.pk} {number} {code}", algorithm="sha256").hexdigest()


def _count(*what: Any) -> int:
    """Count one more of this, and return how many there were."""
    # A hash, because the number must not be in a key.
    key = salted_hmac("phone-code.count", repr(what), algorithm="sha256").hexdigest()
    cache.add(key, 0, 2 * HOUR)
    return int(cache.incr(key))
