"""The nouns of the pipeline: frozen, validated at birth, JSON both ways, free of torch."""

from nas.spec.axes import Choice, Member, Scalar, Space, Subset
from nas.spec.base import Noun
from nas.spec.candidate import (
    FINETUNED,
    FROZEN,
    SCRATCH,
    START,
    Assignment,
    Candidate,
    Pick,
    Role,
)
from nas.spec.duration import format_duration, parse_duration
from nas.spec.outcome import (
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
from nas.spec.probe import Conditions, Cost, Probe
from nas.spec.problem import (
    Problem,
    ProblemError,
    UsageError,
    command_line,
    did_you_mean,
    fault_of,
    one_line,
)
from nas.spec.recipe import GATE, Recipe, Task
from nas.spec.record import Phase, Plan, Record
from nas.spec.trial import CHECKPOINT, WEIGHTS, Trial

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
