"""What the tests of the check share."""

import pytest
from support.checked_sets import draw_set


@pytest.fixture
def clean(tmp_path):
    return draw_set(tmp_path / "set", ids="abc")
