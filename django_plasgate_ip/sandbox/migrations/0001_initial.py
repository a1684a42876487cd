import uuid

import django.utils.timezone
from django.db import migrations, models

import django_plasgate_ip.sandbox.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuthorizationCode",
            fields=[
                (
                    "code",
                    models.CharField(
                        default=django_plasgate_ip.sandbox.models.new_code,
                        editable=False,
                        max_length=110,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("state", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("phone_number", models.CharField(blank=True, max_length=15)),
                ("redirect_uri", models.TextField()),
                ("scope", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
                ("spent_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
