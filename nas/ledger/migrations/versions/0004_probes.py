"""Scores of linear probes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("probe", "probe_loss", "probe_test"):
        op.add_column("screened", sa.Column(name, sa.Double(), nullable=True))
