"""Which ledger it is, for its files to say so too; digests of kept weights."""

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
