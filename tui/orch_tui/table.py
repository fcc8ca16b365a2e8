"""A listing whose rows keep their columns when the scrollbar comes, so that they stand below their header."""

from __future__ import annotations

from orch_tui.listing import Listing


class TableList(Listing):
    """The place of the scrollbar is always left free; the header is one column narrower than the screen, too."""

    @property
    def columns(self) -> int:
        return max(0, self.size.width - self.styles.scrollbar_size_vertical)
