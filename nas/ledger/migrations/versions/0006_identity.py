"""The ledger's id, also for its files folder; digests of weights files."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    table = op.create_table(
        "identity",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(table, [{"id": uuid4().hex}])
    op.add_column("attempts", sa.Column("weights_sha256", sa.String(length=64), nullable=True))
