"""What the checks of image files say about a file that they refuse."""

import pytest

from images.formats.headers import Refusal


def refused(work, *arguments, **options):
    """Calls a check, which must refuse, and returns what it found."""
    with pytest.raises(Refusal) as caught:
        work(*arguments, **options)
    return caught.value.found
