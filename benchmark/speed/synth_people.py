"""Print the share of upright synthetic people, 100 px or higher, that HOG detects."""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch
from torchvision.ops import box_iou

from actloc_ros.synth import ActorTruth, render

SIZE = (640, 480)
UPRIGHT = {'standing', 'walking'}
# HOG's window leaves a margin around a person: shares of its width and height on each side.
MARGIN = (0.12, 0.06)


def people_boxes(hog: cv2.HOGDescriptor, image: np.ndarray) -> torch.Tensor:
    found, _ = hog.detectMultiScale(image[..., ::-1], winStride=(8, 8), padding=(8, 8), scale=1.05)
    x, y, width, height = np.array(found, float).reshape(-1, 4).T
    dx, dy = MARGIN[0] * width, MARGIN[1] * height
    return torch.tensor(np.stack([x + dx, y + dy, x + width - dx, y + height - dy], axis=1))


def is_upright(truth: ActorTruth) -> bool:
    others = set(truth.labels) - UPRIGHT - {'crossing'}
    return truth.box[3] - truth.box[1] >= 100 and not others


def stands_free(index: int, boxes: torch.Tensor) -> bool:
    x1, y1, x2, y2 = boxes[index].tolist()
    inside = x1 > 1 and y1 > 1 and x2 < SIZE[0] - 1 and y2 < SIZE[1] - 1
    overlaps = box_iou(boxes[index : index + 1], boxes)[0]
    overlaps[index] = 0
    return inside and float(overlaps.max()) <= 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--scenes', type=int, default=12, help='default: %(default)s')
    args = parser.parse_args()
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    found: dict[bool, list[bool]] = {False: [], True: []}
    for seed in range(args.scenes):
        for frame in render(seed, 16, SIZE, 1):
            boxes = torch.tensor([t.box for t in frame.actors], dtype=torch.float64).reshape(-1, 4)
            overlaps = box_iou(boxes, people_boxes(hog, frame.image))
            for index, truth in enumerate(frame.actors):
                if is_upright(truth):
                    hit = bool((overlaps[index] >= 0.5).any())
                    found[stands_free(index, boxes)].append(hit)
    both = found[True] + found[False]
    for name, hits in (('all', both), ('free', found[True]), ('cut or overlapped', found[False])):
        print(f'{name:18s} {np.mean(hits):.3f} of {len(hits)} found at IoU 0.5')


if __name__ == '__main__':
    main()
