"""Paints on demand with whatever checkout `PYTHONPATH` names: so two commits can be compared in turns.

Reads one JSON object a line: `photo`, `config` (of PaintConfig), `output`; writes the finished picture at the photo's
own size, and answers with a line of JSON. Uses nothing that older checkouts lack.
"""

import json
import os
import sys
import time


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not get between the answers
    from neural_painter.images import read_image, write_image
    from neural_painter.painter.config import PaintConfig
    from neural_painter.painting import paint
    from renderers.brushes import brush

    for line in sys.stdin:
        task = json.loads(line)
        image = read_image(task["photo"])
        began, used = time.perf_counter(), time.process_time()
        painting = paint(image, PaintConfig(**task["config"]))
        picture = painting.render()
        answer = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
        strokes, kind = painting.strokes, brush(task["config"].get("brush", "oil"))
        # A brush of one colour stores it twice.
        unused = 3 * (2 - kind.colours)
        answer["parameters"] = strokes.placement.shape[1] + strokes.shape.shape[1] + strokes.paint.shape[1] - unused
        os.makedirs(os.path.dirname(task["output"]), exist_ok=True)
        write_image(task["output"], picture)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
