"""What a film should look like, beside what the painter's options say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neural_painter.painter.choosing import Choice
from neural_painter.painter.styling import StrokeStyle

Array = np.ndarray


@dataclass(frozen=True)
class Look:
    """What a whole film has in common.

    Attributes:
        mask: what matters in every frame, `[h, w]` in [0, 1]; None: as the painter's options say.
        choice: which paints there may be; None: any colours. Paints that are looked for are found anew in each shot.
        style: a picture whose style strokes take on; None: none.
    """

    mask: Array | None = None
    choice: Choice | None = None
    style: StrokeStyle | None = None


PLAIN = Look()
