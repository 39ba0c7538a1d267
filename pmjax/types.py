"""Array aliases and the glossary of dimensions used in every shape of the code base.

R runs · B batch rows · N rows of a cohort · T steps or visits · L bases · H W image · C channels ·
F features · K classes or time bins · D hidden units · A arms · M modalities.
"""

from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import NDArray

Array = jax.Array
HostArray = NDArray[Any]  # beartype refuses the same written as np.ndarray[Any, Any]
AnyArray = Array | np.ndarray  # jaxtyping takes no parametrised class on Python 3.13

ModalityKind = Literal["table", "sequence", "series", "image"]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
