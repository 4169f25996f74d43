"""Images: composed as said, digits of the test unseen in training, boxes around the ink."""

import math

import numpy as np
import pytest
import torch

from mtl.errors import InputError
from mtl.suites.digits import PairsSuite, ScenesSuite
from mtl.suites.digits.images import parts, read_digits
from mtl.suites.digits.slots import iou, slot_boxes, slot_classes, slot_cross_entropy, slot_distance

pytestmark = pytest.mark.usefixtures("published")


@pytest.mark.parametrize(("name", "side"), [("mnist", 28), ("optical", 8)])
def test_images_are_read(name: str, side: int) -> None:
    digits = read_digits(name)
    assert digits.images.shape == (200, side, side)
    assert digits.images.min() == 0
    assert digits.images.max() == 1
    assert digits.labels.tolist() == [i % 10 for i in range(200)]


def test_no_digit_is_in_two_splits() -> None:
    digits = read_digits("optical")._replace(labels=np.arange(200))
    found = parts(digits, np.random.default_rng(0))
    assert sorted(np.concatenate([part.labels for part in found.values()])) == list(range(200))
    assert [len(part.labels) for part in found.values()] == [140, 30, 30]


@pytest.mark.parametrize(("name", "side"), [("mnist", 28), ("optical", 8)])
def test_pairs_are_two_digits_over_one_another(name: str, side: int) -> None:
    suite = PairsSuite(name, rows=60)
    suite.setup("fit")
    size = {28: 36, 8: 10}[side]
    assert suite.input_shape == (1, size, size)
    assert [len(split) for split in suite.splits.values()] == [42, 9, 9]
    digits = read_digits(name)
    left, right = suite.splits["test"].targets["left"], suite.splits["test"].targets["right"]
    for image, a, b in zip(suite.splits["test"].inputs, left, right, strict=True):
        assert isinstance(image, torch.Tensor)
        # Ink that all of a class share
        bars = [digits.images[digits.labels == label.item()].min(0) for label in (a, b)]
        assert (image[0, :side, :side].numpy() >= bars[0]).all()
        assert (image[0, size - side :, size - side :].numpy() >= bars[1]).all()


def test_boxes_hold_the_ink_and_do_not_overlap() -> None:
    suite = ScenesSuite("optical", rows=60)
    suite.setup("fit")
    for split in suite.splits.values():
        assert isinstance(split.inputs, torch.Tensor)
        size = split.inputs.shape[-1]
        for image, boxes, classes, count in zip(
            split.inputs[:, 0], *(split.targets[k] for k in ("boxes", "digits", "count")), strict=True
        ):
            present = ~boxes.isnan().any(-1)
            assert present.sum() == count + 1 == (classes != -100).sum()
            assert present.tolist() == sorted(present.tolist(), reverse=True), "the empty slots come last"
            found = boxes[present]
            assert (found[:, 0].diff() >= 0).all(), "from left to right"
            covered = torch.zeros_like(image)
            for x, y, w, h in (found * size).tolist():
                area = (slice(round(y - h / 2), round(y + h / 2)), slice(round(x - w / 2), round(x + w / 2)))
                assert image[area].amax(0)[[0, -1]].all()
                assert image[area].amax(1)[[0, -1]].all()
                covered[area] += 1
            assert covered.max() == 1
            assert (image[covered == 0] == 0).all()


@pytest.mark.parametrize("suite", [PairsSuite, ScenesSuite])
def test_images_are_a_function_of_their_seed(suite: type[PairsSuite] | type[ScenesSuite]) -> None:
    first, again, other = (suite("optical", rows=40, seed=seed).load()["train"].inputs for seed in (0, 0, 1))
    assert torch.equal(first, again)  # type: ignore[arg-type]
    assert not torch.equal(first, other)  # type: ignore[arg-type]
    assert suite("optical", seed=0).fingerprint != suite("optical", seed=1).fingerprint


@pytest.mark.parametrize("suite", [PairsSuite, ScenesSuite])
def test_digits_that_do_not_exist_are_refused(suite: type[PairsSuite] | type[ScenesSuite]) -> None:
    with pytest.raises(InputError, match=r"unknown digits in task\.digits 'mnst': did you mean 'mnist'"):
        suite("mnst")
    with pytest.raises(InputError, match=r"task\.rows=3"):
        suite("mnist", rows=3)


def test_intersection_over_union_by_hand() -> None:
    a = torch.tensor([[0.5, 0.5, 1.0, 1.0]] * 4)
    b = torch.tensor([[0.5, 0.5, 1.0, 1.0], [1.0, 0.5, 1.0, 1.0], [2.0, 0.5, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5]])
    torch.testing.assert_close(iou(a, b), torch.tensor([1.0, 1 / 3, 0.0, 0.25]))
    assert iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_empty_slots_are_left_out_of_loss_and_metric() -> None:
    logits = torch.zeros(2, 3, 10)
    logits[0, 0, 7] = 100.0
    target = torch.tensor([[7, -100, -100], [1, 2, -100]])
    torch.testing.assert_close(slot_cross_entropy(logits, target), torch.tensor([0.0, math.log(10)]))
    metric = slot_classes("digits", 3, 10).metrics["accuracy"].clone()
    metric.update(logits.softmax(-1), target)
    assert metric.compute() == pytest.approx(1 / 3)
    raw = torch.zeros(1, 2, 4)  # half the image, in the middle
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 1.0], [torch.nan] * 4]])
    torch.testing.assert_close(slot_distance(raw, boxes), torch.tensor([0.125]))
    metric = slot_boxes("boxes", 2).metrics["iou"].clone()
    metric.update(raw.sigmoid(), boxes)
    assert metric.compute() == pytest.approx(0.5)


def test_gradients_do_not_come_from_empty_slots() -> None:
    raw = torch.zeros(1, 2, 4, requires_grad=True)
    slot_distance(raw, torch.tensor([[[0.1] * 4, [torch.nan] * 4]])).sum().backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert (raw.grad[0, 1] == 0).all()
    assert (raw.grad[0, 0] != 0).all()
