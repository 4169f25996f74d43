"""The sum of the task vectors."""

from torch import Tensor
from typing_extensions import override

from mtl.merging.base import ScaledMerging, TaskVectors


class TaskArithmetic(ScaledMerging):
    """Task arithmetic: what the networks have learned since the common start is added up.

    Source: Ilharco et al., "Editing Models with Task Arithmetic", ICLR 2023, https://arxiv.org/abs/2212.04089.

    ``theta = theta_0 + lambda sum_k tau_k`` with ``tau_k = theta_k - theta_0``, for the start theta_0 and the trunk
    theta_k of task k. One lambda for all tasks, the best one on validation; ``lambda = 1 / K`` is the mean of the
    trunks.

    Deviations: the heads are those that were learned apart, where the paper has a frozen one made of text; and lambda
    is chosen by the geometric mean of the validation losses, as every checkpoint here, and not by accuracy.

    Args:
        coefficients: the lambdas to be tried.
    """

    @override
    def direction(self, vectors: TaskVectors) -> Tensor:
        return vectors.differences.sum(0)
