"""Faults that change nothing which a test could notice, each with its reason.

The keys are (file, line before, line after), without indent. A line that changes must be judged again.
"""

EQUIVALENT: dict[tuple[str, str, str], str] = {}
