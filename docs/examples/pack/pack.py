"""Pack items that never change into boxes, as pack.toml says, and write how full these are. Not to be edited."""

import json
import os
import random
import tomllib
from pathlib import Path

SIZE = 1_000
plan = tomllib.loads((Path(__file__).parent / "pack.toml").read_text())
source = random.Random(3)
items = [source.randrange(50, 600) for _ in range(300)]
assert plan["boxes"]["choice"] in ("first", "fullest"), "no such choice"
if plan["items"]["order"] != "given":
    items.sort(reverse={"largest": True, "smallest": False}[plan["items"]["order"]])
closed, boxes = [], []
for item in items:
    fitting = [box for box in boxes if sum(box) + item <= SIZE]
    if fitting:
        (max(fitting, key=sum) if plan["boxes"]["choice"] == "fullest" else fitting[0]).append(item)
        continue
    boxes.append([item])
    while len(boxes) > plan["boxes"]["open"]:
        fullest = max(boxes[:-1] or boxes, key=sum)
        boxes.remove(fullest)
        closed.append(fullest)
closed += boxes
filled = sum(items) / (SIZE * len(closed))
print(f"{len(closed)} boxes, {filled:.1%} filled")
if "AUTORESEARCH_SUMMARY_PATH" in os.environ:
    summary = {"result": {"filled": filled, "boxes": len(closed)}, "evaluator": "300 items"}
    Path(os.environ["AUTORESEARCH_SUMMARY_PATH"]).write_text(json.dumps(summary))
