"""Keys and values of a batch whose rows join and leave between two steps."""

from typing import cast

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

COLUMNS_AHEAD = 128
"""
Columns that are allocated beyond those needed.

A step then writes in place, and all keys and values are copied once in so many steps rather than,
as in transformers' ``DynamicLayer``, in every one.
"""


class PaddedLayer(CacheLayerMixin):
    """
    One layer's keys and values, aligned at the right.

    ``keys`` and ``values`` have the shape ``[rows, heads, columns, dimension]``, with room to
    spare. Used are the first ``rows`` rows and the columns from ``start`` to ``end``; each row's
    last token is in column ``end - 1``. What is left of a shorter row's first token is finite and
    has to be masked.

    A layer with a sliding window is kept in full: the mask hides what is out of the window, and
    columns tell distances within a row as well as positions do.
    """

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0
        self.start = 0
        self.end = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate room for as many rows as come, without columns."""
        self.rows = key_states.shape[0]
        self.keys = key_states.new_zeros((*key_states.shape[:2], 0, key_states.shape[3]))
        self.values = value_states.new_zeros((*value_states.shape[:2], 0, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the next columns, and return all keys and values in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        first, self.end = self.end, self.end + key_states.shape[2]
        if self.end > self.keys.shape[2]:
            self.end = first
            self.reallocate(self.rows, self.length, key_states.shape[2] + COLUMNS_AHEAD)
            first, self.end = self.end, self.end + key_states.shape[2]
        keys, values = self.keys, self.values
        keys[: self.rows, :, first : self.end] = key_states
        values[: self.rows, :, first : self.end] = value_states
        return self.in_use()

    def in_use(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return views of the keys and values in use."""
        keys, values = self.keys, self.values
        used = (slice(self.rows), slice(None), slice(self.start, self.end))
        return keys[used], values[used]

    @property
    def length(self) -> int:
        """Columns in use: tokens of the longest row."""
        return self.end - self.start

    def reallocate(self, rows: int, left: int, ahead: int) -> None:
        """
        Move what is in use to where there is more room.

        Args:
            rows: How many rows there shall be room for.
            left: How many columns there shall be up to ``end``, ``length`` at least.
            ahead: How many columns there shall be beyond ``end``.

        """
        old = self.in_use()
        shape = (rows, old[0].shape[1], left + ahead)
        # Not `new_empty`: a masked column takes part with weight 0, and 0 times NaN is NaN.
        keys = old[0].new_zeros((*shape, old[0].shape[3]))
        values = old[1].new_zeros((*shape, old[1].shape[3]))
        used = (slice(self.rows), slice(None), slice(left - self.length, left))
        keys[used], values[used] = old
        self.keys, self.values = keys, values
        self.start, self.end = left - self.length, left

    def append(self, other: "PaddedLayer") -> None:
        """Add the rows of another batch below these."""
        rows, left = self.rows + other.rows, max(self.length, other.length)
        keys = self.keys
        if rows > keys.shape[0] or left > self.end:
            self.reallocate(rows, left, COLUMNS_AHEAD)
            keys = self.keys
        values = self.values
        added = (slice(self.rows, rows), slice(None), slice(self.end - other.length, self.end))
        keys[added], values[added] = other.in_use()
        self.rows, self.start = rows, self.end - left

    def remove(self, row: int, length: int) -> None:
        """Put the last row in a row's place, and narrow to the longest that is left."""
        last = self.rows - 1
        if row != last:
            for states in (self.keys, self.values):
                states[row] = states[last]
        self.rows, self.start = last, self.end - length

    def keep(self, rows: int, length: int) -> None:
        """Go back to the first rows, the longest of this length."""
        self.rows, self.start = rows, self.end - length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return how many columns a mask has, and which is the first."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return the columns in use."""
        return self.length

    def get_max_length(self) -> int:
        """Return -1: it grows."""
        return -1


class KeyValues(Cache):
    """The keys and values of all layers of a batch."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=PaddedLayer)

    @property
    def padded(self) -> list[PaddedLayer]:
        """The layers, with their type."""
        return cast("list[PaddedLayer]", self.layers)

    @property
    def length(self) -> int:
        """Columns in use: tokens of the longest row."""
        return self.padded[0].length if self.layers else 0

    @property
    def cells(self) -> int:
        """Tokens for which there is room allocated, in all rows together."""
        if not self.layers:
            return 0
        rows, _, columns, _ = self.padded[0].keys.shape
        return rows * columns

    @property
    def columns_ahead(self) -> int:
        """Columns that can be written before more have to be allocated."""
        return self.padded[0].keys.shape[2] - self.padded[0].end if self.layers else 0

    def append(self, other: "KeyValues") -> None:
        """Add the rows of another batch below these; if that fails, these are as before."""
        rows, length = self.padded[0].rows, self.length
        try:
            for layer, added in zip(self.padded, other.padded, strict=True):
                layer.append(added)
        except BaseException:
            for layer in self.padded:
                layer.keep(rows, length)
            raise

    def compact(self) -> None:
        """Keep no more room than the rows need, with some ahead."""
        for layer in self.padded:
            layer.reallocate(layer.rows, layer.length, COLUMNS_AHEAD)

    def remove(self, row: int, length: int) -> None:
        """
        Drop a row; the last row takes its place.

        Args:
            row: Its index.
            length: Tokens of the longest row that is left.

        """
        for layer in self.padded:
            layer.remove(row, length)
