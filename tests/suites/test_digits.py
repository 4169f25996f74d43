"""Images: composed as said, digits of the test unseen in training, boxes around the ink."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mtl.assembly import encoder_factory
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.digits import PairsSuite, ScenesSuite
from mtl.suites.digits.grid import box_loss, decode_boxes, grid_boxes, grid_classes, grid_cross_entropy
from mtl.suites.digits.images import read_digits, split_digits
from mtl.suites.digits.precision import AveragePrecision, iou
from mtl.tasks.influence import closed_form
from mtl.tasks.jackknife import group_jackknife

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
    found = split_digits(digits, np.random.default_rng(0))
    assert sorted(np.concatenate([part.labels for part in found.values()])) == list(range(200))
    assert [len(part.labels) for part in found.values()] == [140, 30, 30]


@pytest.mark.parametrize("kind", [PairsSuite, ScenesSuite])
def test_test_pictures_of_two_groups_share_no_digit(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    used = []

    def compose(suite: Any, digits: Any, rows: int, draw: Any) -> Split:
        used.append(digits.images.reshape(len(digits.labels), -1).tolist())
        return original(suite, digits, rows, draw)

    original = kind.compose
    monkeypatch.setattr(kind, "compose", compose)
    splits = kind("optical", rows=60).composed()
    assert splits["train"].groups is None
    groups = splits["test"].groups
    assert groups is not None
    assert len(groups) == len(splits["test"]) == 9
    of_test = used[2:]
    assert len(of_test) == len(groups.unique()) == 3
    assert sum(map(len, of_test)) == 30  # every digit of the test in one group


@pytest.mark.parametrize(("name", "side"), [("mnist", 28), ("optical", 8)])
def test_pairs_are_two_digits_over_one_another(name: str, side: int) -> None:
    suite = PairsSuite(name, rows=60)
    suite.setup("fit")
    size = {28: 36, 8: 10}[side]
    assert suite.input_shape == {SINGLE: (1, size, size)}
    assert [len(split) for split in suite.splits.values()] == [42, 9, 9]
    digits = read_digits(name)
    left, right = suite.splits["test"].targets["left"], suite.splits["test"].targets["right"]
    for image, a, b in zip(suite.splits["test"].inputs[SINGLE], left, right, strict=True):
        # Ink that all of a class share
        bars = [digits.images[digits.labels == label.item()].min(0) for label in (a, b)]
        assert (image[0, :side, :side].numpy() >= bars[0]).all()
        assert (image[0, size - side :, size - side :].numpy() >= bars[1]).all()


def test_boxes_hold_the_ink_and_do_not_overlap() -> None:
    suite = ScenesSuite("optical", rows=60)
    suite.setup("fit")
    for split in suite.splits.values():
        size = split.inputs[SINGLE].shape[-1]
        for image, boxes, classes, count in zip(
            split.inputs[SINGLE][:, 0], *(split.targets[k] for k in ("boxes", "digits", "count")), strict=True
        ):
            present = ~boxes.isnan().any(-1)
            assert present.sum() == count + 1 == (classes != -100).sum()
            assert torch.equal(present, classes != -100)
            found = boxes[present]
            middle = (found[:, :2] * size).floor() // 8
            assert (middle[:, 1] * 3 + middle[:, 0]).tolist() == present.nonzero().squeeze(1).tolist()
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
    first, again, other = (suite("optical", rows=40, seed=seed).load()["train"].inputs[SINGLE] for seed in (0, 0, 1))
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


def test_places_without_an_object_are_left_out_of_classes() -> None:
    logits = torch.zeros(2, 4, 10)
    logits[0, 0, 7] = 100.0
    target = torch.tensor([[7, -100, -100, -100], [1, 2, -100, -100]])
    torch.testing.assert_close(grid_cross_entropy(logits, target), torch.tensor([0.0, math.log(10)]))
    metric = grid_classes("digits", 2, 10).metrics["accuracy"].clone()
    metric.update(logits.softmax(-1), target)
    assert metric.compute() == pytest.approx(1 / 3)


def test_boxes_by_hand() -> None:
    """Raw zeros are boxes of half the picture in the middle of each cell."""
    raw = torch.zeros(1, 4, 5)
    centres = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    expected = torch.tensor([[[*centre, 0.5, 0.5, 0.5] for centre in centres]])
    torch.testing.assert_close(decode_boxes(raw, 2), expected)
    target = torch.full((1, 4, 4), torch.nan)
    target[0, 2] = torch.tensor([0.25, 0.75, 0.5, 1.0])
    torch.testing.assert_close(box_loss(raw, target, 2), torch.tensor([0.5 + 4 * math.log(2)]))
    metric = grid_boxes("boxes", 2).metrics["iou"].clone()
    metric.update(decode_boxes(raw, 2), target)
    assert metric.compute() == pytest.approx(0.25 / 0.5)


def test_boxes_of_empty_places_have_no_gradient() -> None:
    raw = torch.zeros(1, 4, 5, requires_grad=True)
    target = torch.full((1, 4, 4), torch.nan)
    target[0, 0] = 0.1
    box_loss(raw, target, 2).sum().backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()
    assert (raw.grad[0, 1:, :4] == 0).all()
    assert (raw.grad[..., 4] != 0).all()
    assert (raw.grad[0, 0] != 0).all()


def test_an_encoder_that_averages_is_refused() -> None:
    head = grid_boxes("boxes", 3).head(8)
    for shape in ((2, 8), (2, 4, 8)):
        with pytest.raises(InputError, match=r"answers in 9 cells.*encoder\.average=false"):
            head(torch.zeros(shape), torch.zeros(2, 1, 24, 24))


def test_an_encoder_without_the_keys_that_the_suite_sets_is_refused_by_its_name() -> None:
    """Nobody has typed such a key."""
    with pytest.raises(InputError, match=r"^encoder=mlp does not take 'patch', .*: expected encoder=convolution$"):
        encoder_factory(configure("task=scenes", "encoder=mlp"))
    with pytest.raises(InputError, match=r"^unknown key 'encoder.rows': did you mean"):
        encoder_factory(configure("task=scenes", "+encoder.rows=2"))


def average_precision(boxes: torch.Tensor, target: torch.Tensor) -> float:
    metric = AveragePrecision()
    for rows in range(len(boxes)):
        metric.update(boxes[rows : rows + 1], target[rows : rows + 1])
    return float(metric.compute())


def test_average_precision_by_hand() -> None:
    """Two objects: the surest box is right, the next is beside all, the last is right up to 0.5 only."""
    target = torch.tensor([[[0.2, 0.2, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2], [torch.nan] * 4]])
    boxes = torch.tensor([[[0.2, 0.2, 0.2, 0.2, 0.9], [0.5, 0.2, 0.2, 0.2, 0.8], [0.7, 0.7, 0.2, 0.104, 0.7]]])
    # At t = 0.5: precision 1 up to a recall of 1/2 (51 places), then 2/3 (50); at the others 1 and 0
    expected = (51 + 50 * 2 / 3 + 9 * 51) / 1010
    assert average_precision(boxes, target) == pytest.approx(expected)
    boxes[0, 1, 4] = 0.1
    assert average_precision(boxes, target) == pytest.approx((101 + 9 * 51) / 1010), "a false box that is least sure"
    assert average_precision(target.nan_to_num()[..., [0, 1, 2, 3, 3]], target) == 1
    assert math.isnan(average_precision(boxes, torch.full((1, 3, 4), torch.nan)))


def test_average_precision_is_that_of_pycocotools() -> None:
    """An independent implementation, over scenes of near and far boxes."""
    draw = torch.Generator().manual_seed(0)
    target = torch.rand(40, 5, 4, generator=draw) * 0.5 + 0.2
    target[torch.rand(40, 5, generator=draw) < 0.4] = torch.nan
    noise = torch.randn(40, 5, 4, generator=draw) * 0.03
    sure = torch.rand(40, 5, 1, generator=draw)
    boxes = torch.cat([target.nan_to_num(0.4) + noise, sure], -1)

    def entries(values: torch.Tensor, keep: torch.Tensor) -> list[dict[str, Any]]:
        out = []
        for image, place in keep.nonzero().tolist():
            x, y, w, h = values[image, place, :4].double().tolist()
            entry = {"id": len(out) + 1, "image_id": image, "category_id": 1, "bbox": [x - w / 2, y - h / 2, w, h]}
            out.append({**entry, "area": w * h, "iscrowd": 0, "score": float(values[image, place, -1])})
        return out

    truth = COCO()
    present = ~target.isnan().any(-1)
    truth.dataset = {
        "images": [{"id": image} for image in range(40)],
        "categories": [{"id": 1}],
        "annotations": entries(target, present),
        "info": {},
    }
    truth.createIndex()
    result = COCOeval(truth, truth.loadRes(entries(boxes, torch.ones(40, 5, dtype=torch.bool))), "bbox")
    result.evaluate()
    result.accumulate()
    result.summarize()
    assert 0.1 < result.stats[0] < 0.9
    assert average_precision(boxes, target) == pytest.approx(result.stats[0], abs=1e-4)


@pytest.mark.parametrize("kind", ["classes", "boxes"])
def test_rows_contribute_their_objects(kind: str) -> None:
    """The mean over rows is the mean over objects, and leaving a row out moves it as its contribution says."""
    draw = torch.Generator().manual_seed(0)
    there = torch.rand(60, 9, generator=draw) < 0.3
    there[:, 0] = True
    if kind == "classes":
        task = grid_classes("a", 3, 4)
        prediction = torch.rand(60, 9, 4, generator=draw)
        target = torch.randint(4, (60, 9), generator=draw).masked_fill(~there, -100)
    else:
        task = grid_boxes("a", 3)
        target = (torch.rand(60, 9, 4, generator=draw) * 0.3 + 0.2).masked_fill(~there[..., None], torch.nan)
        prediction = torch.rand(60, 9, 5, generator=draw) * 0.3 + 0.2
    metric = task.metrics[task.primary]
    form = closed_form(metric)
    assert form is not None
    found = form.contributions(form.statistics(prediction, target))
    metric.update(prediction, target)
    assert float(found.mean()) == pytest.approx(float(metric.compute()), abs=1e-6)
    pseudo = group_jackknife(metric, prediction, target)
    assert np.corrcoef(found, pseudo)[0, 1] > 0.999
    assert float(found.var() / pseudo.var()) == pytest.approx(1, abs=0.05)
