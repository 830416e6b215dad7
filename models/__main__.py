"""Prints how many numbers each network learns, with each encoder.

python -m models [--filters 16 32 64 128 256] [--classes 1] [--channels 3]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from models import ENCODERS, FILTERS, MODELS, build_model


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__.split("\n")[0])
    parser.add_argument("--filters", type=int, nargs="+", default=list(FILTERS), help="default: %(default)s")
    parser.add_argument("--classes", type=int, default=1, help="number of outputs (default: %(default)s)")
    parser.add_argument("--channels", type=int, default=3, help="of the images (default: %(default)s)")
    given = parser.parse_args(arguments)
    encoders = [None, *ENCODERS]
    print(f"| encoder | {' | '.join(MODELS)} |\n|---{'|---' * len(MODELS)}|")
    for encoder in encoders:
        counts = [
            count_parameters(name, encoder, given.filters, outputs=given.classes, channels=given.channels)
            for name in MODELS
        ]
        print(f"| {encoder or 'its own'} | {' | '.join(f'{count:,}' for count in counts)} |")


def count_parameters(name: str, encoder: str | None, filters: Sequence[int], *, outputs: int, channels: int) -> int:
    """Returns the number of parameters of a network; see `models.build_model`."""
    network = build_model(name, num_classes=outputs, input_channels=channels, filters=filters, encoder=encoder)
    return sum(tensor.numel() for tensor in network.parameters())


if __name__ == "__main__":
    main()
