"""The cost of each member of a space, from the ledger or measured now."""

from pathlib import Path

from nas.cli import defaults
from nas.cli.console import note, open_if_there
from nas.cli.working import working
from nas.schema import MemberProfile, Space, UsageError


def member_profiles(
    space: str, dataset: str, gpus: int, data_root: Path, db: str
) -> tuple[Space, dict[str, MemberProfile]]:
    """The space, and a profile of each of its members by model name.

    Missing profiles are measured, and stored in the ledger if there is one. Raises ProblemError for
    an unknown space, an unknown model or missing data, and UsageError for a space without families.
    """
    from nas.campaign.profiling import classes_of, conditions_for, profile_members
    from nas.hardware import check_gpus
    from nas.ledger import Ledger
    from nas.schema import SearchConfig
    from nas.space import check_models, find, load

    chosen = load(space)
    if not chosen.members:
        raise UsageError(f"{chosen.name} has no families to profile", where=space)
    check_models(chosen, find(space))
    check_gpus(gpus)
    defaults.provide(dataset, data_root)
    config = SearchConfig(dataset=dataset, gpus=gpus, data_root=str(data_root))
    conditions = conditions_for(chosen, config, classes_of(config))
    ledger = Ledger(db, read_only=False) if open_if_there(db) else None
    members = [member for _, member in chosen.members]
    with working("profiling") as update:

        def watch(done: int, total: int, profile: MemberProfile) -> None:
            update(f"profiling {done}/{total}: {profile.member.model}")

        profiles = profile_members(
            ledger, members, conditions, gpus=gpus, watch=watch, on_message=note
        )
    return chosen, profiles
