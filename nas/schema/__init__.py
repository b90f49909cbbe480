"""The nouns of the pipeline: frozen, validated at birth, JSON both ways, free of torch."""

from nas.schema.axes import Choice, Member, Scalar, Space, Subset
from nas.schema.base import Noun
from nas.schema.candidate import (
    FINETUNED,
    FROZEN,
    SCRATCH,
    START,
    Assignment,
    Candidate,
    Pick,
    Role,
)
from nas.schema.duration import format_duration, parse_duration
from nas.schema.outcome import (
    BUSY,
    CROWDED,
    DEVICE,
    DRIVER,
    MEMORY_OF_OTHERS,
    Epoch,
    ExpertScore,
    Inputs,
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
from nas.schema.profile import Conditions, Cost, Probe
from nas.schema.recipe import GATE, Recipe, Task
from nas.schema.record import Phase, Plan, Record
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
    "Candidate",
    "Choice",
    "Conditions",
    "Cost",
    "Epoch",
    "ExpertScore",
    "Inputs",
    "Member",
    "Noun",
    "Outcome",
    "Phase",
    "Pick",
    "Plan",
    "Probe",
    "Problem",
    "ProblemError",
    "Recipe",
    "Record",
    "Role",
    "Scalar",
    "Space",
    "Status",
    "Subset",
    "Task",
    "Trial",
    "UsageError",
    "command_line",
    "did_you_mean",
    "fault_of",
    "format_duration",
    "one_line",
    "parse_duration",
]
