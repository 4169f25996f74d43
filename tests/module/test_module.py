"""The module through the real trainer: one update, however the step is divided and whatever has no label."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from mtl.errors import InputError
from mtl.module.across_rows import notes_across_rows
from mtl.module.loss_meter import Diverged
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.aitm import AITM
from mtl.sharing.ltb import LearningToBranch
from mtl.sharing.soft_distance import SoftDistance
from mtl.suites.batch import Batch, Split
from mtl.tasks import TaskGraph, binary, classification, labelled
from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Weighting
from mtl.weighting.coba import CoBa
from mtl.weighting.equal import Equal
from mtl.weighting.famo import FAMO
from mtl.weighting.fixed import Fixed
from mtl.weighting.forum import FORUM
from mtl.weighting.gradnorm import GradNorm
from mtl.weighting.samo import SAMO
from mtl.weighting.uncertainty import Uncertainty
from tests.support import Rows, fit, module_of, parameters, rows

WEIGHTINGS: dict[str, Callable[[int], Weighting]] = {
    "equal": Equal,
    "fixed": partial(Fixed, weights=[2.0, 0.5, 1.0]),
    "uncertainty": Uncertainty,
    "gradnorm": GradNorm,
}
every_weighting = pytest.mark.parametrize("make", WEIGHTINGS.values(), ids=WEIGHTINGS)
sgd = partial(torch.optim.SGD, lr=0.1)


def test_equal_weighting_is_the_sum_of_the_losses() -> None:
    """One step of the trainer is one step of ``sum().backward()``."""
    data = rows(20)
    module = fit(data, module_of(data, Equal(3), sgd), batch_size=20, epochs=1)
    expected = module_of(data, Equal(3), sgd)
    predictions = expected(data.given.inputs)
    loss = sum((predictions[name] - target).square().mean() for name, target in data.given.targets.items())
    assert isinstance(loss, Tensor)
    loss.backward()
    optimizer = torch.optim.SGD(expected.network.parameters(), lr=0.1)
    optimizer.step()
    torch.testing.assert_close(parameters(module), parameters(expected))


@every_weighting
@pytest.mark.parametrize("missing", [0.0, 0.4], ids=["all labelled", "labels missing"])
def test_accumulated_batches_are_one_batch(make: Callable[[int], Weighting], missing: float) -> None:
    """3 x b rows give the update of 1 x 3b, with clipping, over several steps of Adam, of which some are smaller."""
    data = rows(50, missing=missing)  # steps of 17, 17 and 16 rows
    whole = fit(data, module_of(data, make(3)), batch_size=18, epochs=2, clip=0.5)
    parts = fit(data, module_of(data, make(3)), batch_size=18, epochs=2, clip=0.5, accumulate=3)
    assert not torch.equal(parameters(whole), parameters(module_of(data, make(3))))
    torch.testing.assert_close(parameters(parts), parameters(whole), atol=1e-6, rtol=0)
    for name, value in whole.weighting.state_dict().items():
        torch.testing.assert_close(parts.weighting.state_dict()[name], value, atol=1e-6, rtol=1e-6, equal_nan=True)


@every_weighting
def test_unlabelled_rows_do_not_matter(make: Callable[[int], Weighting]) -> None:
    """Rows without any label, among the others, change nothing."""
    data = rows(30)
    hidden = torch.arange(30) % 3 == 0
    masked = Rows(data.given.inputs, {k: v.masked_fill(hidden, math.nan) for k, v in data.given.targets.items()})
    kept = data.given.rows(~hidden)
    subset = Rows(kept.inputs, kept.targets)
    found = fit(masked, module_of(data, make(3)), batch_size=30, epochs=5)
    expected = fit(subset, module_of(data, make(3)), batch_size=30, epochs=5)
    torch.testing.assert_close(parameters(found), parameters(expected), atol=1e-6, rtol=0)


@every_weighting
def test_a_task_without_labels_is_absent(make: Callable[[int], Weighting]) -> None:
    """The others learn as if it did not exist; its head stays as it was."""
    data = rows(20)
    targets = dict(data.given.targets)
    without = Rows(data.given.inputs, {**targets, "t2": torch.full((20,), math.nan)})
    module = fit(without, module_of(without, make(3), sgd), batch_size=10)
    start = module_of(without, make(3), sgd)
    assert parameters(module).isfinite().all()
    assert module.weights is not None
    assert module.weights[2] == 0
    head = [dict(m.network.heads.named_parameters()) for m in (module, start)]
    for name, value in head[0].items():
        assert torch.equal(value, head[1][name]) == name.startswith("t2")
    assert set(module.loss_meter.mean_since_last_call()) == {"t0", "t1"}


def test_a_step_without_any_label_changes_nothing() -> None:
    """And is no error."""
    data = rows(10)
    nothing = Rows(data.given.inputs, {k: torch.full_like(v, math.nan) for k, v in data.given.targets.items()})
    start = module_of(nothing, Equal(3))
    module = module_of(nothing, Equal(3))
    trainer = SimpleNamespace(accumulate_grad_batches=1, is_last_batch=True, precision="32-true", global_step=0)
    on(module, trainer)
    loss = module.training_step(Batch(nothing.given.inputs, nothing.given.targets, (0, 0, 0), 10), 0)
    module.backward(loss)
    assert loss.tolist() == [0, 0, 0]
    assert all(p.grad is None for p in module.parameters())
    assert torch.equal(parameters(module), parameters(start))


def on(module: MultiTaskModule, trainer: SimpleNamespace) -> None:
    """Let a module that is not being trained believe that it is."""

    class Alone(MultiTaskModule):
        global_step = 0

    Alone.trainer = trainer  # type: ignore[assignment]
    module.__class__ = Alone


@pytest.mark.parametrize("known", [True, False], ids=["counts from the loader", "counts unknown"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_half_precision_scale_multiplies_the_whole_update(known: bool, accumulate: int) -> None:
    """What a gradient scaler did to the losses is found and applied to every gradient, also the weighting's own.

    One task has no label, so that nothing can be seen of its loss.
    """
    data = rows(12, missing=0.3)
    data.given.targets["t2"].fill_(math.nan)
    counts = tuple(int(labelled(target).sum()) for target in data.given.targets.values())
    gradients = []
    for precision, scale in (("32-true", 1.0), ("16-mixed", 1024.0)):
        module = module_of(data, Uncertainty(3))
        told = {"accumulate_grad_batches": accumulate, "is_last_batch": False, "precision": precision}
        on(module, SimpleNamespace(**told, global_step=0))
        for number in range(accumulate):  # Lightning divides by their number, and the scaler multiplies
            batch = Batch(data.given.inputs, data.given.targets, tuple(accumulate * n for n in counts), 12)
            loss = module.training_step(batch if known else batch._replace(counts=()), number)
            module.backward(loss / accumulate * scale)
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]) / scale)
    torch.testing.assert_close(gradients[1], gradients[0])


def test_integer_labels_may_be_missing() -> None:
    """-100 is left out of loss and metrics."""
    inputs = torch.randn(30, 5)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
    yes = (inputs[:, 2] > 0).long()
    hidden = torch.arange(30) % 2 == 0
    tasks = (classification("kind", 3), binary("yes"))
    masked = Rows(
        {SINGLE: inputs}, {"kind": labels.masked_fill(hidden, -100), "yes": yes.masked_fill(hidden, -100)}, tasks
    )
    subset = Rows({SINGLE: inputs[~hidden]}, {"kind": labels[~hidden], "yes": yes[~hidden]}, tasks)
    found = fit(masked, module_of(masked, Equal(2)), batch_size=30, epochs=3)
    expected = fit(subset, module_of(subset, Equal(2)), batch_size=30, epochs=3)
    torch.testing.assert_close(parameters(found), parameters(expected), atol=1e-6, rtol=0)
    measured = [m.evaluate(d.loader("val")).flat() for m, d in ((found, masked), (expected, subset))]
    assert measured[0] == pytest.approx(measured[1], abs=1e-6)
    assert set(measured[0]) == {
        "kind/accuracy", "kind/f1", "yes/auroc", "yes/accuracy", "kind/loss", "yes/loss", "score",
    }  # fmt: skip


def test_metrics_are_of_the_labelled_rows() -> None:
    """Computed by hand; the score is the geometric mean of the losses."""
    data = rows(40, tasks=2, missing=0.5)
    module = module_of(data, Equal(2))
    measured = module.evaluate(data_loader(data)).flat()
    losses = []
    for name, target in data.given.targets.items():
        has = labelled(target)
        prediction = module.predict(data.given.inputs)[name][has]
        error = prediction - target[has]
        assert measured[f"{name}/mae"] == pytest.approx(float(error.abs().mean()), rel=1e-5)
        total = ((target[has] - target[has].mean()) ** 2).sum()
        assert measured[f"{name}/r2"] == pytest.approx(float(1 - (error**2).sum() / total), rel=1e-4)
        losses.append(float((error**2).mean()))
        assert measured[f"{name}/loss"] == pytest.approx(losses[-1], rel=1e-5)
    assert measured["score"] == pytest.approx(math.sqrt(losses[0] * losses[1]), rel=1e-5)


def data_loader(data: Rows) -> Any:
    data.setup("fit")
    return data.loader("val")


def test_what_rows_do_not_define_is_left_out() -> None:
    """R2 of one row, AUROC of one class, anything of a task without labels: no crash, no warning, no number."""
    nan = math.nan
    inputs = torch.randn(3, 5)
    single = Rows({SINGLE: inputs}, {"a": torch.tensor([1.0, nan, nan]), "b": torch.full((3,), nan)})
    measured = module_of(single, Equal(2)).evaluate(data_loader(single)).flat()
    assert set(measured) == {"a/mae", "a/rmse", "a/loss", "score"}
    one_class = Rows({SINGLE: inputs}, {"yes": torch.tensor([1, 1, -100])}, [binary("yes")])
    assert "yes/auroc" not in module_of(one_class, Equal(1)).evaluate(data_loader(one_class)).flat()


def test_predicting_and_measuring_leave_no_trace() -> None:
    """Mode, metrics and gradients are as before; dropout is off meanwhile."""
    data = rows(20)
    module = module_of(data, Equal(3), dropout=0.5)
    module.train()
    loader = data_loader(data)
    assert module.evaluate(loader) == module.evaluate(loader)
    first, second = module.predict(data.given.inputs), module.predict(data.given.inputs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert module.training
    assert module.network.training
    assert all(p.grad is None for p in module.parameters())


class Poison(Callback):
    """Makes the prediction of one task infinite from a step on."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            with torch.no_grad():
                next(module.network.heads["t1"].parameters()).fill_(math.inf)


def test_what_looks_at_losses_once_more_leaves_running_statistics_as_one_pass_of_the_step_has_them() -> None:
    """At new parameters, or of held-out rows, of which the network is to learn nothing."""
    data = rows(20)
    batch = Batch(data.given.inputs, data.given.targets, (20, 20, 20), 20)
    graph = TaskGraph(data.tasks)
    encoder = partial(MLP, widths=[8, 6], norm="batch")
    buffers = []
    for weighting in (Equal(3), FAMO(3), CoBa(3)):
        torch.manual_seed(0)
        network = Network(LearningToBranch(data.input_shape, graph.names, encoder), graph)
        step = MultiTaskModule(network, graph, weighting, sgd).step
        step.losses(batch, 1, last=True)
        step.backward(1.0)
        step.finish()
        step.feed_held_out_losses([batch], 1)
        buffers.append({name: value.clone() for name, value in network.named_buffers()})
    assert buffers[0]["sharing.passes"] == 1
    for found in buffers[1:]:
        torch.testing.assert_close(found, buffers[0])


def test_losses_that_are_computed_once_more_are_those_of_the_whole_step() -> None:
    """Means over the labelled rows of two batches of unlike size, at the parameters as they are then."""
    data = rows(20, missing=0.4)
    heard: list[Tensor] = []

    class Listening(FAMO):
        """Notes what it is told."""

        needs_nearby_losses = True

        def after_step(self, recompute: Callable[[], Tensor]) -> None:
            heard.append(recompute())

        def backward(self, *args: Any, **kwargs: Any) -> Tensor:
            recompute = args[4].recompute
            heard.append(torch.stack([torch.stack(one).detach() for one in recompute()]).mean(0))
            return torch.ones(3)

        def on_held_out_losses(self, losses: Any, shared: Any, private: Any, step: Any = None) -> None:
            heard.append(torch.stack(list(losses)).detach())
            places.append((step.batches, step.last))

    places: list[tuple[int, bool]] = []
    module = module_of(data, Listening(3), sgd)
    counts = tuple(int(labelled(target).sum()) for target in data.given.targets.values())
    parts = [
        Batch(
            {SINGLE: data.given.inputs[SINGLE][part]},
            {name: target[part] for name, target in data.given.targets.items()},
            counts,
            20,
        )
        for part in (slice(None, 14), slice(14, None))
    ]
    for number, batch in enumerate(parts):
        module.step.losses(batch, 2, last=number == 1)
    module.step.backward(1.0)
    with torch.no_grad():
        for p in module.network.parameters():
            p.add_(0.1)
    module.step.finish()
    module.step.feed_held_out_losses(parts, 2)

    def means() -> Tensor:
        found = module.predict(data.given.inputs)
        return torch.stack([(found[n] - t)[labelled(t)].square().mean() for n, t in data.given.targets.items()])

    torch.testing.assert_close(heard[1], means())
    torch.testing.assert_close((heard[2] + heard[3]) / 2, means())
    assert places == [(2, False), (2, True)]
    with torch.no_grad():
        for p in module.network.parameters():
            p.sub_(0.1)
    torch.testing.assert_close(heard[0], means())


@pytest.mark.parametrize("make", [FAMO, CoBa, FORUM, partial(SAMO, inner=Equal)])
def test_losses_that_are_computed_once_more_have_the_precision_of_the_step(make: Callable[[int], Weighting]) -> None:
    """They are compared with those: what rounding changes would be taken for progress."""
    data, weighting = rows(40), make(3)
    data.hold_out(weighting.held_out and 0.5)
    module = module_of(data, weighting, sgd)
    half: list[bool] = []
    module.network.register_forward_hook(
        lambda network, _, __: half.append(torch.is_autocast_enabled("cpu")) if network.training else None
    )
    fit(data, module, batch_size=20, epochs=1, precision="bf16-mixed")
    assert len(half) >= 2
    assert all(half)


def test_the_factor_of_a_gradient_scaler_is_on_the_penalty_too() -> None:
    """And on the gradients of all losses: the optimizer's are divided by it as a whole."""
    data = rows(20)
    found = []
    for scale in (1.0, 256.0):
        torch.manual_seed(0)
        graph = TaskGraph(data.tasks)
        sharing = SoftDistance(data.input_shape, graph.names, partial(MLP, widths=[8, 6]), strength=5.0)
        module = MultiTaskModule(Network(sharing, graph), graph, Equal(3), sgd)
        module.step.losses(Batch(data.given.inputs, data.given.targets, (20, 20, 20), 20), 1, last=True)
        module.step.backward(scale)
        found.append(torch.cat([p.grad.flatten() / scale for p in module.network.parameters() if p.grad is not None]))
    torch.testing.assert_close(found[1], found[0])
    penalty = torch.autograd.grad(module.network.penalty([], lambda values, _: values), list(sharing.parameters()))
    assert max(float(part.norm()) for part in penalty) > 0.1


def test_what_a_weighting_learns_does_not_decay() -> None:
    """Decay would pull its scales towards 1; the network's parameters do."""
    module = module_of(rows(20), Uncertainty(3), partial(torch.optim.AdamW, lr=0.01, weight_decay=0.3))
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.AdamW)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {decays[id(p)] for p in module.network.parameters()} == {0.3}
    assert [decays[id(p)] for p in module.weighting.parameters()] == [0]


def test_a_penalty_on_predictions_leaves_running_statistics_alone() -> None:
    """The network is run once more for it."""
    batch = rows(20).given
    tasks = [binary("seen"), binary("bought")]
    targets = {task.name: (batch.targets["t0"] > 0).float() for task in tasks}
    buffers = []
    for calibrate in (0.0, 0.6):
        torch.manual_seed(0)
        encoder = partial(MLP, widths=[8, 6], norm="batch")
        sharing = AITM({SINGLE: (batch.inputs[SINGLE].shape[1],)}, ["seen", "bought"], encoder, calibrate=calibrate)
        network = Network(sharing, TaskGraph(tasks))
        step = MultiTaskModule(network, network.graph, Equal(2), sgd).step
        step.losses(Batch(batch.inputs, targets, (20, 20), 20), 1, last=True)
        step.backward(1.0)
        buffers.append({name: value.clone() for name, value in network.named_buffers()})
    torch.testing.assert_close(*buffers)


def test_divergence_names_task_step_and_cause() -> None:
    """The first task and step, even if others follow it."""
    data = rows(20)
    with pytest.raises(Diverged, match=r"loss of task 't1' became NaN or infinite at step 3: the learning rate may"):
        fit(data, module_of(data, Equal(3), sgd), batch_size=4, epochs=3, callbacks=[Poison(3)])


class ByLosses(LossWeighting):
    """Gives NaN from the third step on."""

    steps = 0

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        self.steps += 1
        return losses.sum() * (math.nan if self.steps > 2 else 1.0)


class ByGradients(GradientWeighting):
    """Gives NaN from the third step on."""

    steps = 0

    def forward(self, gramian: Tensor, losses: Tensor, tasks: Tensor) -> Tensor:
        self.steps += 1
        return torch.full_like(losses, math.nan if self.steps > 2 else 1.0)


class ByDirections(DirectionWeighting):
    """Gives a direction that is infinite."""

    def forward(self, jacobian: Tensor, losses: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        return jacobian.sum(0) * math.inf, torch.ones_like(losses)


@pytest.mark.parametrize("weighting", [ByLosses, ByGradients, ByDirections])
def test_weights_that_are_not_finite_are_the_weightings(weighting: type[Weighting]) -> None:
    """A learning rate has nothing to do with them."""
    data = rows(20)
    with pytest.raises(InputError, match=rf"^{weighting.__name__}\.forward gives weights that are NaN or infinite"):
        fit(data, module_of(data, weighting(3), sgd), batch_size=4, epochs=3)


def test_a_loss_that_does_not_leave_out_missing_parts_of_a_label_is_named_as_the_cause() -> None:
    """Only rows without any label are left out for it; a learning rate has nothing to do with it."""
    data = rows(20)
    own = replace(data.tasks[0], kind="", loss=lambda p, t: ((p.unsqueeze(-1) - t) ** 2).mean(-1))
    data.tasks = (own, *data.tasks[1:])
    labels = data.given.targets["t0"].unsqueeze(-1).repeat(1, 2)
    labels[3, 1] = math.nan
    data.given = replace(data.given, targets={**data.given.targets, "t0": labels})
    with pytest.raises(Diverged, match=r"at step \d: a part of the labels of a row is missing"):
        fit(data, module_of(data, Equal(3), sgd), batch_size=4, epochs=1)


def test_losses_of_a_row_that_depend_on_others_are_said_once() -> None:
    """As where shapes are broadcast, and every prediction is compared with the labels of all rows."""
    noise = torch.Generator()  # of its own: what it draws is not taken back
    found = {}
    for name, loss in {
        "broadcast": lambda p, t: (p.unsqueeze(1) - t).square().mean(1),
        "of all labels": lambda p, t: (p - t + t.mean()).square(),
        "of rows": lambda p, t: (p - t).square(),
        "with noise": lambda p, t: (p - t + torch.randn_like(p)).square(),
        "of no number": lambda p, t: (p - t).square() / 0 * 0,
    }.items():
        data = rows(20, missing=0.2)
        task = replace(data.tasks[0], loss=loss)
        batch = Batch(data.given.inputs, data.given.targets)
        state = torch.get_rng_state()
        predictions = {"t0": torch.randn(20, generator=noise)}
        found[name] = notes_across_rows(TaskGraph((task,)), predictions, batch)
        assert torch.equal(torch.get_rng_state(), state)
    assert [name for name, notes in found.items() if notes] == ["broadcast", "of all labels"]
    assert found["broadcast"][0].startswith("task 't0': the loss of a row depends on the other rows of its batch. If")

    data = rows(20)
    data.tasks = (replace(data.tasks[0], loss=lambda p, t: (p.unsqueeze(1) - t).square().mean(1)), *data.tasks[1:])
    module = module_of(data, Equal(3), sgd)
    fit(data, module, batch_size=4, epochs=2)
    assert len(module.notes) == 1


def test_divergence_in_the_last_step_of_an_epoch_is_noticed() -> None:
    """A finite loss can be followed by a step that breaks the network: the next to look is validation."""
    data = rows(20)

    class Last(Callback):
        def on_train_batch_end(self, trainer: Trainer, module: Any, *args: Any) -> None:
            if trainer.is_last_batch:
                with torch.no_grad():
                    next(module.network.heads["t1"].parameters()).fill_(math.nan)

    with pytest.raises(Diverged, match="the validation loss of task 't1' became NaN or infinite at step 5"):
        fit(data, module_of(data, Equal(3), sgd), batch_size=4, epochs=3, callbacks=[Last()])


def test_mean_losses_are_means_since_the_last_call() -> None:
    """Over many steps, each counted once."""
    data = rows(20)
    seen: list[Tensor] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *args: Any) -> None:
            seen.append(outputs["loss"])

    module = fit(data, module_of(data, Equal(3)), batch_size=1, epochs=5, callbacks=[Watch()])
    expected = torch.stack(seen).mean(0)
    found = module.loss_meter.mean_since_last_call()
    torch.testing.assert_close(torch.tensor(list(found.values())), expected)
    assert module.loss_meter.last_means == found
    assert module.loss_meter.mean_since_last_call() == {}


def test_epoch_end_tells_the_weighting_the_mean_losses() -> None:
    """Of that epoch, NaN for a task that was never seen."""

    class Listening(Equal):
        told: list[Tensor]

        def on_epoch_end(self, losses: Tensor) -> None:
            self.told.append(losses)

    data = rows(20)
    missing = Rows(data.given.inputs, {**data.given.targets, "t2": torch.full((20,), math.nan)})
    weighting = Listening(3)
    weighting.told = []
    fit(missing, module_of(missing, weighting), batch_size=7, epochs=2)
    assert len(weighting.told) == 2
    assert all(t[:2].isfinite().all() and t[2].isnan() for t in weighting.told)
    assert (weighting.told[1][:2] < weighting.told[0][:2]).all()


def test_validation_without_labels_is_an_error() -> None:
    """There would be nothing to select a checkpoint by."""
    data = rows(10)
    data.setup("fit")
    data.splits["val"] = Split(data.given.inputs, {k: torch.full((10,), math.nan) for k in data.given.targets})
    with pytest.raises(InputError, match="no row of the val split has a label"):
        fit(data, module_of(data, Equal(3)), batch_size=5)


def test_gradient_methods_need_something_shared() -> None:
    """Said when the module is made."""
    data = rows(10)
    for parameter in (network := module_of(data, Equal(3)).network).sharing.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(InputError, match=r"GradNorm compares the tasks' gradients .* Hard shares none"):
        MultiTaskModule(network, network.graph, GradNorm(3), sgd)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_compiled_network_takes_the_same_steps() -> None:
    """torch.compile changes the seconds only."""
    data = rows(20, missing=0.3)
    plain = fit(data, module_of(data, GradNorm(3)), batch_size=10, epochs=2)
    compiled = fit(data, module_of(data, GradNorm(3), compile_network=True), batch_size=10, epochs=2)
    torch.testing.assert_close(parameters(compiled), parameters(plain), atol=1e-5, rtol=1e-5)
    assert compiled.state_dict().keys() == plain.state_dict().keys()
