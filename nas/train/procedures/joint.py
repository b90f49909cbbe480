"""All experts and the gate together, from the first step."""

from nas.train.procedures.base import Procedure


class JointTraining(Procedure):
    """The recipe of MoE4 (arXiv 2606.23739) without its mistakes; trains a plain model as well.

    The training accuracy is that of the mixed, augmented images as they were trained on, so it lies
    below the validation accuracy early on.
    """
