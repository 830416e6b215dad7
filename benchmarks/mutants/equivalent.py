"""Faults that change nothing which a test could notice, each with its reason.

The keys are (file, line before, line after), without indent. A line that changes must be judged again.
"""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "images/jpeg.py",
        "factors = [max(factor >> 4, factor & 15) for factor in content[7 : 6 + 3 * content[5] : 3]]",
        "factors = [max(factor >> 4, factor & 15) for factor in content[7 : 7 + 3 * content[5] : 3]]",
    ): "Steps of 3 from 7 never reach 6 + 3 n.",
}
