"""The data that attempts read; integers above 2³¹ on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WIDER = {
    "candidates": ("params", "macs", "memory_bytes"),
    "attempts": ("params", "peak_memory_bytes"),
    "epochs": ("peak_memory_bytes",),
}


def upgrade() -> None:
    op.create_table(
        "inputs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.execute("ALTER TABLE attempts ADD COLUMN inputs_id INTEGER REFERENCES inputs(id)")
    if op.get_bind().dialect.name != "sqlite":  # whose integers are of any width
        for table, columns in WIDER.items():
            for column in columns:
                op.alter_column(table, column, type_=sa.BigInteger())
