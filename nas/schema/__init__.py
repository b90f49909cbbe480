"""The pipeline's values: frozen, validated when made, JSON in both directions, free of torch."""

from nas.schema.axes import Choice, ExpertAxis, Member, Scalar, Space, Variant
from nas.schema.base import Frozen
from nas.schema.candidate import (
    FINETUNED,
    FROZEN,
    SCRATCH,
    START,
    Assignment,
    Candidate,
    ExpertChoice,
    Role,
    printed_name,
)
from nas.schema.config import (
    BankConfig,
    CampaignConfig,
    DataConfig,
    RunConfig,
    ScreenConfig,
    SearchConfig,
    campaign_config,
)
from nas.schema.duration import format_duration, parse_duration
from nas.schema.numbers import percent
from nas.schema.outcome import (
    BUSY,
    CROWDED,
    DEVICE,
    DRIVER,
    MEMORY_OF_OTHERS,
    DatasetInfo,
    Epoch,
    ExpertScore,
    Outcome,
    Status,
)
from nas.schema.problem import (
    Problem,
    ProblemError,
    UsageError,
    command_line,
    did_you_mean,
    fault_of,
    one_line,
)
from nas.schema.profile import Cost, MemberProfile, ProfileConditions
from nas.schema.recipe import GATE, Recipe, Task
from nas.schema.record import DrawConstraints, Phase, Record
from nas.schema.trial import CHECKPOINT, WEIGHTS, Trial

__all__ = [
    "BUSY",
    "CHECKPOINT",
    "CROWDED",
    "DEVICE",
    "DRIVER",
    "FINETUNED",
    "FROZEN",
    "GATE",
    "MEMORY_OF_OTHERS",
    "SCRATCH",
    "START",
    "WEIGHTS",
    "Assignment",
    "BankConfig",
    "CampaignConfig",
    "Candidate",
    "Choice",
    "Cost",
    "DataConfig",
    "DatasetInfo",
    "DrawConstraints",
    "Epoch",
    "ExpertAxis",
    "ExpertChoice",
    "ExpertScore",
    "Frozen",
    "Member",
    "MemberProfile",
    "Outcome",
    "Phase",
    "Problem",
    "ProblemError",
    "ProfileConditions",
    "Recipe",
    "Record",
    "Role",
    "RunConfig",
    "Scalar",
    "ScreenConfig",
    "SearchConfig",
    "Space",
    "Status",
    "Task",
    "Trial",
    "UsageError",
    "Variant",
    "campaign_config",
    "command_line",
    "did_you_mean",
    "fault_of",
    "format_duration",
    "one_line",
    "parse_duration",
    "percent",
    "printed_name",
]
