"""What every weighting promises: losses to ``.grad``, whatever step they are of."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from mtl.config.numbers import check_number, is_number
from mtl.distributed import processes
from mtl.errors import InputError
from mtl.gradients.checkpoints import has_reentrant_checkpoint
from mtl.gradients.divided import check_whole
from mtl.gradients.frontier import at_tensor, find_frontier, is_of_losses_themselves
from mtl.gradients.precision import without_autocast, working_precision
from mtl.gradients.reach import foreign_reader, leaves
from mtl.weighting.base.gradient_memory import GradientMemory
from mtl.weighting.base.normalisation import Normalisation
from mtl.weighting.base.step import WHOLE_STEP, Call, Losses, Step, trained
from mtl.weighting.state.per_task_option import PerTaskOption
from mtl.weighting.state.preference import Preference


class Weighting(nn.Module, ABC):
    """The rule from K losses to one update. All state is in buffers and parameters, so a checkpoint carries it.

    Task gradients and state are in single precision; in double precision from the first loss on that is.

    Args:
        num_tasks: K.
        normalise: what stands in front of the method: it, and every gradient, sees ``L_i / s_i`` instead of ``L_i``.
            ``none``: ``s_i = 1``; ``loss_scale``: the first loss seen of task i, for losses of unlike size;
            ``gradient_norm``: the norm of task i's gradient where the method looks at gradients, every step anew.

    Attributes:
        needs_shared: the method compares task gradients, so a network without shared parameters is an error.
        needs_representation: gradients are compared at the last shared tensors of the graph.
        needs_recomputed_losses: :meth:`after_step` recomputes the losses, so the batches of a step have to be kept
            until then.
        needs_nearby_losses: :meth:`backward` computes the losses of the step at other parameters: it is given
            ``step.recompute``, and the batches of a step are kept until then.
        needs_initial_losses: :meth:`on_initial_losses` is called before the first step.
        grows_below_zero: the weight of a task whose loss stays below 0 grows without a limit; a warning names it once.
        needs_positive_losses: the method is not defined for a loss of 0 or below. Such a task is left out of the step,
            as one without labels, with a warning at its first time: its weight is 0, and what the method knows of it
            stays.
        held_out: share of the training rows whose losses go to :meth:`on_held_out_losses`, and that the network is not
            trained with.
        says_unreached: shared parameters that no loss reaches are warned of, at the first call with a graph of every
            task's loss. A loop that looks for them itself, over more than one call, says False.
        low_weight_advice: what to try where a task's weight stays far below the others'; empty where the weights are
            those that a person has given.
    """

    needs_shared = False
    needs_representation = False
    needs_recomputed_losses = False
    needs_nearby_losses = False
    needs_initial_losses = False
    needs_positive_losses = False
    grows_below_zero = False
    held_out = 0.0
    says_unreached = True
    low_weight_advice = "compare with weighting=equal, and with weighting.normalise=loss_scale"

    def __init__(self, num_tasks: int, normalise: str = "none") -> None:
        super().__init__()
        check_number("num_tasks", num_tasks, whole=True, least=1)
        self.num_tasks, self.normalise = num_tasks, normalise
        if normalise == "gradient_norm":
            self.needs_shared = True
        self.normalisation = Normalisation(num_tasks, normalise)
        self._last_gramian: list[
            tuple[Tensor, tuple[int, ...]]
        ] = []  # a list: setting an attribute of a module is slow
        self._last_task_index: tuple[tuple[list[int], torch.device], Tensor] | None = None
        self._memory = GradientMemory()
        self._names = [f"number {i}" for i in range(num_tasks)]
        self._warned: set[int] = set()  # tasks of which it was said that they are left out
        self._double = False
        self._checked = False  # what the first call was given

    def backward(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        layer: Iterable[Parameter] | None = None,
        step: Step = WHOLE_STEP,
        representation: Tensor | None = None,
    ) -> Tensor:
        """Add the gradient of this step to ``.grad`` of every parameter.

        Args:
            losses: K scalars (a sequence is cheaper than a vector: indexing a vector gives every other head a zero
                gradient).
            shared: parameters that the losses of two or more tasks reach. Frozen ones, here and below, are left out.
            private: for each task the parameters that only its loss reaches.
            layer: the last shared layer, for methods that look at that one alone; default all of ``shared``.
            step: where this call stands in the optimizer step.
            representation: the tensor through which every loss depends on ``shared``, for methods that compare
                gradients there. None looks for the last shared tensors (:mod:`mtl.gradients.frontier`), a walk
                through the graph; so does a tensor that a loss does without, as by reading a shared parameter itself.

        Returns:
            The effective weights ``[K]``, 0 for a task that was left out or while batches are still being accumulated.

        Raises:
            InputError: a wrong number of losses, or one that is no scalar; a wrong number of private entries; what are
                no parameters, or a generator of them that was used up; no shared parameters where they are needed;
                losses that meet in one vector, where gradients are compared at a representation that has to be found.
                In the first call also: losses without a graph; nothing that is trained; a parameter that is both shared
                and private, or private of two tasks; a loss that reaches a parameter of another task, where that would
                be left out; a reentrant checkpoint; parameters that are divided among processes.
        """
        self._check_numbers(losses, private)
        self._take_precision(losses)
        tasks = step.present(self.num_tasks)
        if not tasks:  # no row of the step has a label
            return torch.zeros(self.num_tasks, device=losses[0].device, dtype=working_precision(losses))
        shared_parameters = trained(shared, "shared")
        if self.needs_shared and not shared_parameters:
            raise InputError(
                f"{type(self).__name__} compares gradients of shared parameters, and this network shares none that are "
                "trained"
            )
        frontier = None
        if self.needs_representation and representation is not None:
            frontier = at_tensor(representation, list(losses), shared_parameters)
        elif self.needs_representation:
            frontier = find_frontier(list(losses), shared_parameters)
        if frontier is not None and is_of_losses_themselves(frontier, list(losses)):
            raise InputError(
                "weighting.at=representation: the losses are entries of one vector, and nothing tells what of them is "
                "shared: name the private parameters or the representation, or take at=parameters"
            )
        call = Call(
            losses=[losses[i] for i in tasks],
            tasks=tasks,
            task_index=self._task_index(tasks, losses[0].device),
            shared=shared_parameters,
            private=[trained(private[i], f"private[{i}]") for i in tasks],
            layer=shared_parameters if layer is None else trained(layer, "layer"),
            frontier=frontier,
            step=step,
        )
        first = not self._checked
        if first:
            self._check_first_call(call)
        if self.says_unreached:
            self._warn_of_unreached(call)
        with torch.enable_grad(), without_autocast(losses[0].device):
            weights = self._update(call)
        if first:
            check_whole(call.parameters)  # once more: of some it shows only now
            self._checked = True
        if weights is not None and len(tasks) == self.num_tasks:
            return weights.detach().clone()  # a method of its own may hand over a buffer, which it changes later
        all_weights = torch.zeros(self.num_tasks, device=losses[0].device, dtype=working_precision(losses))
        if weights is not None:
            all_weights[tasks] = weights.detach().to(all_weights)
        return all_weights

    def _check_numbers(self, losses: Losses, private: Sequence[Iterable[Parameter]]) -> None:
        """Raise InputError unless there is a scalar, and an entry of private parameters, for each task."""
        if not isinstance(losses, (Tensor, Sequence)):
            raise InputError(f"losses: expected a list of {self.num_tasks} scalars, and got a {type(losses).__name__}")
        if len(losses) != self.num_tasks:
            raise InputError(f"{type(self).__name__} was made for {self.num_tasks} tasks and got {len(losses)} losses")
        if isinstance(losses, Tensor):
            if losses.dim() != 1:
                raise InputError(f"losses have the shape {tuple(losses.shape)}: expected one number of each task")
        else:
            for name, loss in zip(self._names, losses, strict=True):
                check_scalar(loss, name)
        if not isinstance(private, Sequence) or len(private) != self.num_tasks:
            found = f"one of {len(private)}" if isinstance(private, Sequence) else f"a {type(private).__name__}"
            raise InputError(
                f"private: expected a list of {self.num_tasks} entries, as [head.parameters() for head in heads], and "
                f"got {found}"
            )

    def _check_held_out(self, losses: Losses, private: Sequence[Iterable[Parameter]], step: Step) -> None:
        """Raise InputError for held-out losses of which no gradient can be taken."""
        self._check_numbers(losses, private)
        present = step.present(self.num_tasks)
        if present and not any(losses[i].requires_grad for i in present) and step.batches == processes() == 1:
            raise InputError(
                "no held-out loss has a graph, so no weight would be learned: compute them where gradients are "
                "recorded, not under torch.no_grad() or of a detached tensor"
            )

    def _check_first_call(self, call: Call) -> None:
        """Raise InputError for what would give wrong gradients without a word."""
        if not any(loss.requires_grad for loss in call.losses) and call.step.batches == processes() == 1:
            raise InputError(
                "no loss has a graph, so nothing would be trained: compute the losses where gradients are recorded, "
                "not under torch.no_grad() or of a detached tensor"
            )
        if len(call.tasks) == self.num_tasks and not call.trains:
            raise InputError(
                "of the parameters that are handed over, none is trained: all are frozen, or there are none"
            )
        shared = {id(p) for p in call.shared}
        owners: dict[int, int] = {}
        for index, private in zip(call.tasks, call.private, strict=True):
            if any(id(p) in shared for p in private):
                raise InputError(f"a parameter is handed over as shared and as private of task {self._names[index]}")
            for other in (owners.setdefault(id(p), index) for p in private):
                if other != index:
                    raise InputError(
                        f"a parameter is handed over as private of task {self._names[other]} and of task "
                        f"{self._names[index]}: expected it among the shared ones, which are those of two tasks or more"
                    )
        check_whole(call.parameters)
        if has_reentrant_checkpoint(call.losses):
            raise InputError(
                "a part of the network is checkpointed with use_reentrant=True, where gradients of chosen parameters "
                "cannot be taken: expected torch.utils.checkpoint.checkpoint(..., use_reentrant=False)"
            )
        foreign = foreign_reader(call.losses, call.private) if self._takes_apart(call) else None
        if foreign is not None:
            reader, owner = (self._names[call.tasks[place]] for place in foreign)
            raise InputError(
                f"the loss of task {reader} reaches a parameter that is handed over as private of task {owner}: "
                "expected it among the shared ones, since its gradient there would be left out"
            )

    def _warn_of_unreached(self, call: Call) -> None:
        """Warn of shared parameters that nothing trains, as those of a trunk whose output is detached."""
        if len(call.tasks) < self.num_tasks or not all(loss.requires_grad for loss in call.losses):
            return  # a task that is left out, or has no label in this batch, may be the one that reaches them
        self.says_unreached = False
        reached = {id(leaf) for leaf in leaves(*call.losses)}
        lost = [p for p in call.shared if id(p) not in reached]
        if lost:
            warnings.warn(
                f"no loss of this step reaches {len(lost)} of {len(call.shared)} shared parameters "
                f"({sum(p.numel() for p in lost):,} numbers), which so learn nothing: what they compute is detached, "
                "or not used (of what is not to be trained: requires_grad_(False))",
                stacklevel=3,
            )

    def _takes_apart(self, call: Call) -> bool:
        """Whether each loss is differentiated by itself, by what is shared and the private parameters of its task."""
        return True

    @abstractmethod
    def _update(self, call: Call) -> Tensor | None:
        """Add gradients; the weights ``[M]``, or None while batches are still being accumulated."""

    @property
    def gramian(self) -> Tensor | None:
        """Gramian ``[M, M]`` of the last solve's task gradients, before normalisation; None where there is none."""
        return self._last_gramian[0][0] if self._last_gramian else None

    @property
    def gramian_tasks(self) -> tuple[int, ...]:
        """Indices of the M tasks that :attr:`gramian` is of."""
        return self._last_gramian[0][1] if self._last_gramian else ()

    def bind(self, names: Sequence[str]) -> None:
        """Called once with the names of the K tasks, before training, for options that go by name.

        Args:
            names: of all K tasks, in order.

        Raises:
            InputError: these are not K different names; an option names a task that is not among them.
        """
        if isinstance(names, str) or len(set(names)) != self.num_tasks or len(names) != self.num_tasks:
            raise InputError(f"bind: expected the names of {self.num_tasks} tasks, and got {names}")
        self._names = [f"'{name}'" for name in names]
        for part in self.modules():
            if isinstance(part, PerTaskOption):
                part.bind(names)

    def serve(self, tasks: Sequence[int]) -> None:
        """Called once, after :meth:`bind`, where the other tasks are learned to help these and do not count themselves.

        Default: no-op, the weights are those of all tasks alike.

        Args:
            tasks: indices of the tasks that count, at least one.
        """

    @property
    def preferences(self) -> list[Preference]:
        """The options by which the method, or one within it, is told a preference among the tasks; often none."""
        return [part for part in self.modules() if isinstance(part, Preference)]

    def prefer(self, preference: Tensor) -> None:
        """Go by another preference from now on, where the method takes one.

        Args:
            preference: ``[K]``, 0 or more.
        """
        for option in self.preferences:
            option.set(preference)

    def on_initial_losses(self, losses: Tensor) -> None:
        """Called once, before the first step of a training, with the losses of the best constant predictions.

        A training that goes on from a checkpoint is told nothing: what was made of them is in the state. Default:
        no-op.

        Args:
            losses: ``[K]``, means over the labelled training rows; NaN for a task of which it is not known.
        """

    def on_epoch_end(self, losses: Tensor) -> None:
        """Called at the end of every epoch with the mean training losses ``[K]``.

        Default: a warning where the method ``grows_below_zero`` and a loss is below 0.

        Args:
            losses: NaN for a task without labels in the epoch.
        """
        if self.grows_below_zero:
            self._warn_of(
                (self._of_every_task(losses, "on_epoch_end") < 0).nonzero().flatten(),
                "has no limit for the weight of a task whose loss stays below 0, as that of task {}: a constant "
                "added to the loss keeps it above",
            )

    def after_step(self, recompute: Callable[[], Tensor]) -> None:
        """Called after every optimizer step. Default: no-op.

        Args:
            recompute: gives the losses ``[K]`` of the same rows at the new parameters, for a forward pass.
        """

    def on_held_out_losses(
        self,
        losses: Losses,
        shared: Iterable[Parameter],
        private: Sequence[Iterable[Parameter]],
        step: Step = WHOLE_STEP,
    ) -> None:
        """Called after every optimizer step with the losses of held-out rows at the new parameters. Default: no-op.

        No gradient is written.

        Args:
            losses: K scalars.
            shared: parameters that the losses of two or more tasks reach.
            private: for each task the parameters that only its loss reaches.
            step: where this batch of held-out rows stands among those of the optimizer step.

        Raises:
            InputError: a wrong number of losses, or one that is no scalar; a wrong number of private entries; losses
                without a graph, where their gradients are looked at.
        """

    def _of_every_task(self, losses: object, what: str) -> Tensor:
        """Numbers that a loop tells, ``[K]``, without a graph; as a list too. InputError where they are others."""
        if isinstance(losses, Sequence) and not isinstance(losses, str) and losses:
            if all(isinstance(loss, Tensor) for loss in losses):
                losses = torch.stack(list(losses))
            elif all(is_number(loss) or loss != loss for loss in losses):
                losses = torch.tensor(losses)
        if not isinstance(losses, Tensor) or losses.shape != (self.num_tasks,):
            found = f"the shape {tuple(losses.shape)}" if isinstance(losses, Tensor) else f"a {type(losses).__name__}"
            raise InputError(f"{what}: expected {self.num_tasks} losses, one of each task, and got {found}")
        return losses.detach()

    def _usable(self, losses: Tensor, tasks: Tensor) -> Tensor | None:
        """The places, among M tasks, of those whose losses the method is defined for; None for all of them.

        Args:
            losses: ``[M]``, of the whole step.
            tasks: indices ``[M]`` of these tasks.

        Returns:
            See above. A loss that is NaN is not left out: it has to be seen.
        """
        if not self.needs_positive_losses:
            return None
        outside = losses.detach() <= 0
        if not bool(outside.any()):
            return None
        self._warn_of(
            tasks[outside],
            "is not defined for a loss of 0 or below: task {} is left out of every step in which its loss is; a "
            "constant added to the loss keeps it in",
        )
        return (~outside).nonzero().flatten()

    def _warn_of(self, tasks: Tensor, what: str) -> None:
        """Warn of these tasks, each once; ``what`` has a place for the name."""
        for index in tasks.tolist():
            if index not in self._warned:
                self._warned.add(index)
                warnings.warn(f"{type(self).__name__} {what.format(self._names[index])}", stacklevel=3)

    def _take_precision(self, losses: Losses) -> None:
        """Go over to double precision with the losses."""
        if not self._double and working_precision(losses) == torch.float64:
            self.double()
            self._double = True

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        if any(key.startswith(prefix) and value.dtype == torch.float64 for key, value in state_dict.items()):
            self.double()  # before it is filled, by this module and those in it
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _record_gramian(self, gramian: Tensor, tasks: list[int]) -> None:
        """Keep the Gramian of a solve for :attr:`gramian`."""
        self._last_gramian[:] = [(gramian, tuple(tasks))]

    def _scales(self, losses: Tensor, tasks: list[int], norms: Tensor | None = None) -> Tensor:
        """``s [M]`` of the losses ``[M]`` and gradient norms ``[M]`` of the whole step."""
        return self.normalisation.scales(losses, tasks, norms)

    def _task_index(self, tasks: list[int], device: torch.device) -> Tensor:
        """``tasks`` as a tensor: the one of the last call, as long as they are the same."""
        if self._last_task_index is None or self._last_task_index[0] != (tasks, device):
            self._last_task_index = (tasks, device), torch.tensor(tasks, device=device)
        return self._last_task_index[1]


def check_scalar(loss: object, name: str) -> None:
    """Raise InputError for the loss of a task that is no tensor of one number without an axis."""
    if not isinstance(loss, Tensor):
        raise InputError(f"the loss of task {name} is a {type(loss).__name__}: expected a tensor")
    if loss.dim():
        raise InputError(f"the loss of task {name} has the shape {tuple(loss.shape)}: expected a scalar")
