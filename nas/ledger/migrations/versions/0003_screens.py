"""Screens of a space from cached predictions, with the scores of every mixture."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SCORES = (
    *("uniform", "uniform_loss", "uniform_test", "oracle", "best_member", "params", "latency"),
    *("static", "static_loss", "static_test", "gate", "gate_loss", "gate_test"),
)


def upgrade() -> None:
    op.create_table(
        "screens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("experts", sa.JSON(), nullable=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("val_images", sa.Integer(), nullable=False),
        sa.Column("test_images", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "screened",
        sa.Column("screen_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("families", sa.String(), nullable=False),
        sa.Column("members", sa.String(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in SCORES),
        sa.ForeignKeyConstraint(["screen_id"], ["screens.id"]),
        sa.PrimaryKeyConstraint("screen_id", "rank"),
    )
