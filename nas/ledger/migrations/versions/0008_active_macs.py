"""The multiply-accumulates of a candidate without its experts' unused places."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("candidates", sa.Column("active_macs", big, nullable=True))
