"""The ledger's connection: sessions, damage checks, campaigns, cached member profiles."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, select, text
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.orm import Session

from nas.contained import contained
from nas.ledger import models as m
from nas.ledger.address import absent, command, database_url, display_url, file_of
from nas.ledger.damage import faults
from nas.ledger.database import open_ledger
from nas.ledger.errors import DamagedError, recover, retry_while_locked, translate_errors
from nas.ledger.folder import FilesFolder, check_free
from nas.ledger.records import CampaignRecord, campaign_record
from nas.ledger.storage import Storage
from nas.schema import (
    CampaignConfig,
    Member,
    MemberProfile,
    ProblemError,
    ProfileConditions,
    Space,
    UsageError,
    campaign_config,
    did_you_mean,
)

if TYPE_CHECKING:
    pass


OPENED: list[URL] = []
"""The ledgers that this process has read; damage in their rows may cause later errors."""


def _is_bank(row: m.Campaign) -> bool:
    return isinstance(row.config, dict) and campaign_config(row.config).bank


def check_place(where: str | Path | URL) -> None:
    """Raises if a new ledger could not be made at `where` (see check_free); makes nothing. For
    commands that work for a long time before they make it."""
    path = file_of(database_url(where))
    if path is not None and not path.exists():
        check_free(path)


class LedgerBase:
    """A ledger: a SQLite file such as `runs.db`, or a PostgreSQL database (an SQLAlchemy URL).

    A read-only ledger is never created, migrated or locked. Every method raises ProblemError if
    the database fails.
    """

    def __init__(
        self,
        where: str | Path | URL = "runs.db",
        *,
        read_only: bool = True,
        create: bool = True,
        older: bool = False,
        timeout: float = 30.0,
    ) -> None:
        """Opens a ledger, and creates it unless `read_only` is true or `create` is false.

        With `older`, a read-only ledger may have an older schema; this class cannot read its rows.
        Waits up to `timeout` seconds for locks of other programs. Raises UsageError if the ledger
        does not exist and may not be created.
        """
        self.url = database_url(where)
        self._path = file_of(self.url)
        if self._path is not None and not create and not self._path.exists():
            raise absent(self.url)
        if not read_only:
            check_place(self.url)
        self.read_only = read_only
        self.patience: Callable[[float], bool] = lambda waited: waited < timeout
        """Maps the seconds waited for another program's lock to whether to keep waiting."""
        with translate_errors(self.url):
            self._engine = retry_while_locked(
                lambda: open_ledger(self.url, read_only=read_only, create=create, older=older),
                self.patience,
            )
        self.storage = Storage(self.url, self._engine, read_only=read_only)
        self._files: Path | None = None
        if self.url not in OPENED:  # not a set: a URL whose name is not UTF-8 has no hash
            OPENED.append(self.url)
        if not read_only:
            with suppress(ProblemError):  # `files` raises it when the files are needed
                self._folder.adopt()

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return display_url(self.url)

    def command(self, *words: str) -> str:
        """A `nas` command line for this ledger, quoted, with --db if needed."""
        return command(self.url, *words)

    @property
    def files(self) -> Path:
        """The folder for checkpoints and weights: beside a SQLite file, else in the cwd.

        Raises ProblemError if the folder contains another ledger's files: see nas.ledger.folder."""
        if self._files is None:
            self._files = self._folder.find()
        return self._files

    def claim_files(self) -> Path:
        """Makes the folder and marks it as this ledger's. Raises as `files` does."""
        self._files = self._folder.claim()
        return self._files

    @cached_property
    def _folder(self) -> FilesFolder:
        with self.session() as session:
            ident = session.scalars(select(m.Identity.id)).first()
        if ident is None or not re.fullmatch("[0-9a-f]{32}", ident):
            raise ProblemError(
                "this database is damaged: it has no valid ledger id", where=self.place
            )
        name = self._path.name if self._path else str(self.url.database)
        return FilesFolder(self._path, name, ident, self._owned)

    def _owned(self) -> set[tuple[str, str]]:
        row = m.Candidate
        with self.session() as session:
            return {(str(c), key) for c, key in session.execute(select(row.campaign_id, row.key))}

    def attempt_folder(self, campaign: int, key: str, attempt: int) -> Path:
        """The only folder an attempt may write to; it need not exist.

        Raises ProblemError if it would lie outside the ledger's files folder: see
        `nas.contained`."""
        return contained(self.files, campaign, key, attempt)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception."""
        try:
            with self.storage.in_use(), Session(self._engine, expire_on_commit=False) as session:
                # Connecting begins the transaction, and takes its lock.
                retry_while_locked(lambda: _begin(session), self.patience)
                yield session
                session.commit()
        except Exception as error:
            # Reading checks cells, not whole rows. If it fails, look whether rows are damaged.
            known = isinstance(error, ProblemError) and not isinstance(error, DamagedError)
            if not known and (damage := self.damage()):
                raise damage from error
            raise

    def damage(self) -> DamagedError | None:
        """The error for the first damaged row, ready to be raised; None if all rows are sound."""
        if not self.storage.is_there():
            return None
        try:
            with self._engine.connect() as connection:
                found = next(faults(connection), None)
        except SQLAlchemyError:  # the file is damaged, not a row; or it is locked
            return None
        if found is None:
            return None
        return DamagedError(
            f"this database is damaged: {found}", where=self.place, fix=recover(self.url)
        )

    def check(self) -> list[str]:
        """All problems inside the ledger, one line each: damage that SQLite finds, and every row
        that this program cannot have written. Empty for a sound ledger."""
        problems: list[str] = []
        with self.storage.in_use(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                try:
                    lines = connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
                except DatabaseError as error:
                    lines = [str(error.orig)]
                problems += [line for line in lines if line != "ok"]
            problems += map(str, faults(connection))
        try:
            _ = self.files
        except ProblemError as error:
            problems.append(str(error))
        return problems

    def close(self) -> None:
        """Closes every connection; the next use opens another."""
        self.storage.close()

    # Campaigns

    def create_campaign(self, name: str, space: Space, config: CampaignConfig) -> int:
        """Adds a campaign and returns its id; UsageError if the name is taken."""
        with self.session() as session:
            if session.scalar(select(m.Campaign.id).where(m.Campaign.name == name)) is not None:
                raise UsageError(
                    f"this ledger already has a campaign named {name!r}",
                    where=self.place,
                    fix=f"continue it with `{self.command('resume', '-c', name)}`, or choose"
                    " another --name",
                )
            return _add_campaign(session, name, space, config)

    def name_campaign(
        self, choose: Callable[[list[str]], str], space: Space, config: CampaignConfig
    ) -> tuple[str, int]:
        """Adds a campaign; its name and id. `choose` picks the name, given the names in use.

        No other program can take a name in between.
        """
        with self.session() as session:
            taken = list(session.scalars(select(m.Campaign.name)))
            name = choose(taken)
            return name, _add_campaign(session, name, space, config)

    def campaign(self, name: str | None = None) -> CampaignRecord:
        """A campaign by name. By default the latest that is not a bank, or the latest bank if there
        are only banks. Raises ProblemError if there is none."""
        with self.session() as session:
            query = select(m.Campaign.id).order_by(m.Campaign.id.desc())
            if name is not None:
                query = query.where(m.Campaign.name == name)
            # Rows are read one at a time: an older one may be damaged.
            rows = (session.get_one(m.Campaign, ident) for ident in session.scalars(query).all())
            row = next(rows, None)
            if row is not None and _is_bank(row):
                row = next((other for other in rows if not _is_bank(other)), row)
            if row is None and name is None:
                raise ProblemError(
                    "this ledger has no campaign yet",
                    where=self.place,
                    fix=f"start one with `{self.command('search')}`",
                )
            if row is None:
                names = session.scalars(select(m.Campaign.name)).all()
                raise UsageError(
                    f"no campaign is named {name!r}",
                    where=self.place,
                    fix=did_you_mean(str(name), names),
                )
            return campaign_record(row)

    def update_config(self, campaign_id: int, config: CampaignConfig) -> None:
        """Replaces a campaign's configuration from now on."""
        with self.session() as session:
            session.get_one(m.Campaign, campaign_id).config = config.model_dump(mode="json")

    def campaign_names(self) -> list[str]:
        """All campaigns' names, oldest first."""
        with self.session() as session:
            return list(session.scalars(select(m.Campaign.name).order_by(m.Campaign.id)))

    # Member profiles

    def cached_profiles(self, conditions: ProfileConditions) -> dict[str, MemberProfile]:
        """The cached profiles measured under these conditions, by digest (`profile_digest`)."""
        wanted = conditions.model_dump(mode="json")
        with self.session() as session:
            rows = session.scalars(select(m.MemberProfile)).all()
        return {r.digest: MemberProfile(**r.probe) for r in rows if r.conditions == wanted}

    def put_profiles(
        self, conditions: ProfileConditions, profiles: Iterable[MemberProfile]
    ) -> None:
        """Caches profiles; each replaces an older one of the same member and conditions."""
        with self.session() as session:
            for profile in profiles:
                session.merge(
                    m.MemberProfile(
                        digest=profile_digest(conditions, profile.member),
                        model=profile.member.model,
                        conditions=conditions.model_dump(mode="json"),
                        probe=profile.model_dump(mode="json"),
                        probed_at=time.time(),
                    )
                )


def profile_digest(conditions: ProfileConditions, member: Member) -> str:
    """The cache key of a member's profile: SHA-256 in hexadecimal digits."""
    data = [conditions.model_dump(mode="json"), member.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _add_campaign(session: Session, name: str, space: Space, config: CampaignConfig) -> int:
    row = m.Campaign(
        name=name,
        created_at=time.time(),
        config=config.model_dump(mode="json"),
        space=space.model_dump(mode="json"),
    )
    session.add(row)
    session.flush()
    return row.id


def _begin(session: Session) -> None:
    try:
        session.connection()
    except DatabaseError:
        session.rollback()  # otherwise the next try finds a failed transaction
        raise
