"""Parameters and MACs of members, cached for each version of torch and timm."""

from functools import lru_cache
from importlib.metadata import version

import nas
from nas.measure.versions import torch_version
from nas.schema import Member, ProblemError
from nas.user_cache import keep, recall

KIND = "counts"


def meta_cost(
    member: Member, image_size: int, channels: int = 3, num_classes: int = 10
) -> tuple[int, int]:
    """(parameters, MACs of one image) of a member, from the meta device if possible; cached in this
    process and in the user's cache.

    Raises ProblemError for a member that does not build or does not accept images of that size. If
    the argument `img_size` would help, the error says so.
    """
    image_size, channels = member.sees(image_size, channels)
    plain = member.with_(weights=None)
    return _meta_cost(plain.model_dump_json(), image_size, channels, num_classes)


@lru_cache(maxsize=4096)
def _meta_cost(member: str, image_size: int, channels: int, num_classes: int) -> tuple[int, int]:
    # Keyed by JSON: a Member contains a dict, and 1, 1.0 and True are equal in Python.
    versions = {"nas": nas.__version__, "timm": version("timm"), "torch": torch_version()}
    key = [versions, member, image_size, channels, num_classes]
    match recall(KIND, key):
        case [int(params), int(macs)]:
            return params, macs
        case {"what": str(what), "fix": str(fix)}:
            raise ProblemError(what, fix=fix)
    try:
        found = _counted(Member.model_validate_json(member), image_size, channels, num_classes)
    except ProblemError as error:
        keep(KIND, key, {"what": error.problem.what, "fix": error.problem.fix})
        raise
    keep(KIND, key, list(found))
    return found


def _counted(member: Member, image_size: int, channels: int, num_classes: int) -> tuple[int, int]:
    from nas.measure.meta import count  # torch: seconds

    try:
        return count(member, image_size, channels, num_classes)
    except ProblemError as error:
        if "img_size" in member.args:
            raise
        resized = member.with_(args={**member.args, "img_size": image_size})
        try:
            meta_cost(resized, image_size, channels, num_classes)
        except Exception:  # `img_size` does not help
            raise error from error.__cause__
        fix = f"give it args: {{img_size: {image_size}}}"
        raise ProblemError(error.problem.what, fix=fix) from error.__cause__
