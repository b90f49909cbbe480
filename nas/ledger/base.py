"""The ledger's connection: sessions, damage, campaigns, cached probes."""

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
"""The ledgers that this process has read: their rows may be to blame for what fails."""


def _is_bank(row: m.Campaign) -> bool:
    return isinstance(row.config, dict) and campaign_config(row.config).bank


def check_place(where: str | Path | URL) -> None:
    """Raises, without making anything, where a new ledger could not be made there: see check_free.
    For commands that work for long before they make it."""
    path = file_of(database_url(where))
    if path is not None and not path.exists():
        check_free(path)


class LedgerBase:
    """`runs.db`: a SQLite file, or a PostgreSQL database by its SQLAlchemy URL.

    Opened for reading it neither creates, migrates nor locks anything. Every method raises
    ProblemError where the database cannot do what is asked.
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
        """Opens; when not `read_only` creates too, unless told not to. One of an `older` schema is
        opened for reading only if that will do: its rows are not to be read by this class. Waits
        `timeout` seconds for others' locks."""
        self.url = database_url(where)
        self._path = file_of(self.url)
        if self._path is not None and not create and not self._path.exists():
            raise absent(self.url)
        if not read_only:
            check_place(self.url)
        self.read_only = read_only
        self.patience: Callable[[float], bool] = lambda waited: waited < timeout
        """Told the seconds another program has kept the ledger locked; whether to wait on."""
        with translate_errors(self.url):
            self._engine = retry_while_locked(
                lambda: open_ledger(self.url, read_only=read_only, create=create, older=older),
                self.patience,
            )
        self.storage = Storage(self.url, self._engine, read_only=read_only)
        self._files: Path | None = None
        if self.url not in OPENED:  # no set: a URL has no hash where a name is not UTF-8
            OPENED.append(self.url)
        if not read_only:
            with suppress(ProblemError):  # whoever asks for the files is told
                self._folder.adopt()

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return display_url(self.url)

    def command(self, *words: str) -> str:
        """What to type for this ledger: `nas` and words, quoted, with --db where it is needed."""
        return command(self.url, *words)

    @property
    def files(self) -> Path:
        """The folder for checkpoints and weights: beside a SQLite file, else in the cwd.

        Raises ProblemError where another ledger's files lie there: see nas.ledger.folder."""
        if self._files is None:
            self._files = self._folder.find()
        return self._files

    def claim_files(self) -> Path:
        """The folder, made and marked as this ledger's. Raises as `files` does."""
        self._files = self._folder.claim()
        return self._files

    @cached_property
    def _folder(self) -> FilesFolder:
        with self.session() as session:
            ident = session.scalars(select(m.Identity.id)).first()
        if ident is None or not re.fullmatch("[0-9a-f]{32}", ident):
            raise ProblemError(
                "this database is damaged: it does not say which ledger it is", where=self.place
            )
        name = self._path.name if self._path else str(self.url.database)
        return FilesFolder(self._path, name, ident, self._owned)

    def _owned(self) -> set[tuple[str, str]]:
        row = m.Candidate
        with self.session() as session:
            return {(str(c), key) for c, key in session.execute(select(row.campaign_id, row.key))}

    def attempt_folder(self, campaign: int, key: str, attempt: int) -> Path:
        """The one folder an attempt may write to, whether or not it is there.

        Raises ProblemError where it would not lie among the ledger's files: see
        `nas.contained`."""
        return contained(self.files, campaign, key, attempt)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception."""
        try:
            with self.storage.in_use(), Session(self._engine, expire_on_commit=False) as session:
                # A transaction begins with its connection: whoever has it, has the lock it needs.
                retry_while_locked(lambda: _begin(session), self.patience)
                yield session
                session.commit()
        except Exception as error:
            # Rows are read as if they were what was written. Where that fails, is it theirs?
            known = isinstance(error, ProblemError) and not isinstance(error, DamagedError)
            if not known and (damage := self.damage()):
                raise damage from error
            raise

    def damage(self) -> DamagedError | None:
        """The first row that is not what this program writes, ready to be raised; None if there is
        none."""
        if not self.storage.is_there():
            return None
        try:
            with self._engine.connect() as connection:
                found = next(faults(connection), None)
        except SQLAlchemyError:  # of the file, not of a row; or it is locked
            return None
        if found is None:
            return None
        return DamagedError(
            f"this database is damaged: {found}", where=self.place, fix=recover(self.url)
        )

    def check(self) -> list[str]:
        """What is wrong inside, one line each: damage that SQLite finds, and every row that is not
        what this program writes. Empty: sound."""
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
        """A new campaign's id; UsageError if the name is taken."""
        with self.session() as session:
            if session.scalar(select(m.Campaign.id).where(m.Campaign.name == name)) is not None:
                raise UsageError(
                    f"a campaign named {name!r} is in this ledger already",
                    where=self.place,
                    fix=f"go on with it by `{self.command('resume', '-c', name)}`, or choose"
                    " another --name",
                )
            return _add_campaign(session, name, space, config)

    def name_campaign(
        self, choose: Callable[[list[str]], str], space: Space, config: CampaignConfig
    ) -> tuple[str, int]:
        """Adds a campaign by the name that `choose` makes of those taken; its name and id.

        No other program takes a name in between.
        """
        with self.session() as session:
            taken = list(session.scalars(select(m.Campaign.name)))
            name = choose(taken)
            return name, _add_campaign(session, name, space, config)

    def campaign(self, name: str | None = None) -> CampaignRecord:
        """A campaign by name, or the latest that is no bank, or where all are banks the latest;
        ProblemError if there is none."""
        with self.session() as session:
            query = select(m.Campaign.id).order_by(m.Campaign.id.desc())
            if name is not None:
                query = query.where(m.Campaign.name == name)
            # Each read when it is needed: an older one may be damaged.
            rows = (session.get_one(m.Campaign, ident) for ident in session.scalars(query).all())
            row = next(rows, None)
            if row is not None and _is_bank(row):
                row = next((other for other in rows if not _is_bank(other)), row)
            if row is None and name is None:
                raise ProblemError(
                    "no campaign is in this ledger yet",
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
        """Replaces what a campaign is asked to do from now on."""
        with self.session() as session:
            session.get_one(m.Campaign, campaign_id).config = config.model_dump(mode="json")

    def campaign_names(self) -> list[str]:
        """All campaigns' names, oldest first."""
        with self.session() as session:
            return list(session.scalars(select(m.Campaign.name).order_by(m.Campaign.id)))

    # Probes

    def probes_under(self, conditions: ProfileConditions) -> dict[str, MemberProfile]:
        """The cached probes taken under these conditions, by digest (`probe_digest`)."""
        wanted = conditions.model_dump(mode="json")
        with self.session() as session:
            rows = session.scalars(select(m.MemberProfile)).all()
        return {r.digest: MemberProfile(**r.probe) for r in rows if r.conditions == wanted}

    def put_probes(self, conditions: ProfileConditions, probes: Iterable[MemberProfile]) -> None:
        """Caches probes, replacing older ones of the same member and conditions."""
        with self.session() as session:
            for probe in probes:
                session.merge(
                    m.MemberProfile(
                        digest=probe_digest(conditions, probe.member),
                        model=probe.member.model,
                        conditions=conditions.model_dump(mode="json"),
                        probe=probe.model_dump(mode="json"),
                        probed_at=time.time(),
                    )
                )


def probe_digest(conditions: ProfileConditions, member: Member) -> str:
    """The cache key of a member's probe: SHA-256 in hexadecimal digits."""
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
        session.rollback()  # or the next try finds a transaction that failed
        raise
