"""The management commands: arguments, output, errors and questions."""

import io
import json
import logging
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_plasgate_ip.models import PhoneVerification
from tests.kept import CLAIMS, DAY, KEY, NEW_KEY, OTHER_KEY, create
from tests.visitor import TYPED

pytestmark = pytest.mark.django_db

BATCHED = ["plasgate_ip_purge", "plasgate_ip_reencrypt"]
PERSONAL = ["plasgate_ip_export", "plasgate_ip_erase"]


def run(*arguments: str) -> list[str]:
    """Return the lines that the command prints."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().splitlines()


def refusal(*arguments: str) -> str:
    """Return the error of a command. Assert that it changed nothing."""
    before = list(PhoneVerification.objects.values())
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert list(PhoneVerification.objects.values()) == before
    return str(caught.value)


@pytest.fixture
def old_rows(settings: Any) -> None:
    """Store rows for each step of the purge, and a row that no step finds."""
    settings.PLASGATE_IP_CLAIMS_RETENTION = DAY
    settings.PLASGATE_IP_ATTEMPT_RETENTION = 7 * DAY
    for days in (8, 8, 8, 2, 2, 0):
        create(days * DAY)
    for days in (8, 2):
        create(days * DAY, "pending")


def test_purge_runs_each_step_and_prints_a_line_for_each_batch(old_rows):
    assert run("plasgate_ip_purge", "--batch-size=2") == [
        "2 stale verifications ended",
        "2 of 4 verifications deleted",
        "4 verifications deleted",
        "2 old claims emptied",
    ]
    assert PhoneVerification.objects.count() == 4
    assert PhoneVerification.objects.exclude(claims={}).count() == 1
    assert [line[0] for line in run("plasgate_ip_purge", "--batch-size=1")] == ["0", "0", "0"]


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_prints_the_same_numbers_and_changes_nothing(old_rows, receivers):
    before = list(PhoneVerification.objects.values())
    counted = run("plasgate_ip_purge", "--dry-run")
    assert list(PhoneVerification.objects.values()) == before
    assert receivers.heard == []
    assert counted == [f"{line} (not done: --dry-run)" for line in run("plasgate_ip_purge")]


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_an_invalid_batch_size_is_refused(old_rows, size):
    for name in BATCHED:
        assert "--batch-size" in refusal(name, f"--batch-size={size}")


@pytest.fixture
def rotated(settings: Any) -> None:
    """Store five rows under an old key. Configure a new first key."""
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [KEY]
    for _ in range(5):
        create()
    create(claims={})
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [NEW_KEY, KEY]


def test_reencrypt_reports_unreadable_rows(rotated, settings, capsys):
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [OTHER_KEY]
    create()
    settings.PLASGATE_IP_ENCRYPTION_KEYS = [NEW_KEY, KEY]
    with pytest.raises(CommandError, match=r"PLASGATE_IP_ENCRYPTION_KEYS can decrypt: 1\. "):
        call_command("plasgate_ip_reencrypt")
    assert capsys.readouterr().out == "Encrypted with the first key: 5\n"


def test_reencrypt_continues_after_the_last_id_that_it_printed(rotated):
    encrypted = PhoneVerification.objects.exclude(claims={}).order_by("pk")

    def tokens() -> dict[str, str]:
        return {str(pk): sealed.token for pk, sealed in encrypted.values_list("pk", "claims")}

    lines = run("plasgate_ip_reencrypt", "--batch-size=2")
    assert [line.partition(",")[0] for line in lines] == [
        "2 of 5 verifications done",
        "4 of 5 verifications done",
        "Encrypted with the first key: 5",
    ]
    before, (*_rest, last) = tokens(), lines[0].split()

    rest = run("plasgate_ip_reencrypt", "--after", last)

    assert rest == ["Encrypted with the first key: 3"]
    unchanged = [pk for pk, token in tokens().items() if token == before[pk]]
    assert (len(unchanged), unchanged[-1]) == (2, last)
    assert "--after" in refusal("plasgate_ip_reencrypt", "--after=7")


def test_export_prints_one_json_object_per_line(user, caplog):
    caplog.set_level(logging.INFO, "django_plasgate_ip.security")
    second, first = (create(days * DAY, user=user) for days in (3, 2))
    create(phone_number="+85512345678")
    lines = run("plasgate_ip_export", "--user", "teak")
    assert caplog.messages == ["exported staff=- claims=True"]
    values = [json.loads(line) for line in lines]
    assert [each["id"] for each in values] == [str(first.pk), str(second.pk)]
    assert values[0]["claims"] == CLAIMS
    assert "អុំអេង" in lines[1]
    assert lines == run("plasgate_ip_export", "--number", TYPED)
    assert run("plasgate_ip_export", "--number", "012 999 999") == []


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), UnicodeEncodeError("ascii", "Teak", 0, 1, "no")], ids=repr
)
def test_the_error_of_an_incomplete_export_shows_no_claims(user, error):
    for _ in range(3):
        create(user=user)
    out = mock.Mock(**{"write.side_effect": [None, error]})  # accepts one line
    with pytest.raises(CommandError) as caught:
        call_command("plasgate_ip_export", "--user", "teak", stdout=out)
    assert out.write.call_count == 2
    assert str(caught.value) == f"The output is incomplete: {type(error).__name__}."
    assert caught.value.__context__ is None
    # The first frame is this test's.
    assert "Teak" not in repr([entry.locals for entry in caught.traceback[1:]])


@pytest.mark.parametrize("answer", [" Yes ", "y"])
def test_erase_deletes_after_a_yes(user, other_user, answer):
    for _ in range(2):
        create(user=user)
    kept = create(user=other_user)
    with mock.patch("builtins.input", return_value=answer) as asked:
        output = run("plasgate_ip_erase", "--user", "teak")
    assert "Delete 2 verifications permanently?" in asked.call_args.args[0]
    assert output == ["2 verifications deleted"]
    assert list(PhoneVerification.objects.all()) == [kept]


@pytest.mark.parametrize("answer", ["n", "", "yes!", EOFError])
def test_any_other_answer_deletes_nothing(user, answer):
    create(user=user)
    with mock.patch("builtins.input", side_effect=[answer]):
        said = refusal("plasgate_ip_erase", "--user", "teak")
    assert ("Use --no-input." if answer is EOFError else "Nothing was deleted.") in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody"], "There is no user with this login name."),
        (["--number", ""], "A phone number has digits only."),
        ([], "one of the arguments --user --number is required"),
        (["--user", "teak", "--number", TYPED], "not allowed with argument"),
    ],
    ids=str,
)
def test_an_unknown_person_is_an_error(user, arguments, message):
    create(user=user)
    for name in PERSONAL:
        assert message in refusal(name, *arguments)


def test_a_login_name_of_several_users_is_refused(user, monkeypatch):
    create(user=user)
    User.objects.create_user("teak's other account", user.email)
    manager: Any = User._default_manager
    monkeypatch.setattr(manager, "get_by_natural_key", lambda email: manager.get(email=email))
    for name in PERSONAL:
        assert "more than one user" in refusal(name, "--user", user.email)
