"""Builds the objects of a run from a configuration. No other folder turns sections of a configuration into objects.

train.py, val.py, predict.py and the benchmarks build here what they use. All other modules receive plain values.
"""

from assemble.cells import decoding, object_scores
from assemble.data import (
    about_label_maps,
    cache_folder,
    data_folder,
    loaders,
    resolved,
    split_rule,
    task_options,
    task_type,
    training_data,
)
from assemble.logs import logs
from assemble.networks import network, scoring_network, untrained_network
from assemble.other_data import other_data, results_of
from assemble.own_data import own_data
from assemble.trainings import constants, continued, criterion, memory_advice, runtime, training

__all__ = [
    "about_label_maps",
    "cache_folder",
    "constants",
    "continued",
    "criterion",
    "data_folder",
    "decoding",
    "loaders",
    "logs",
    "memory_advice",
    "network",
    "object_scores",
    "other_data",
    "own_data",
    "resolved",
    "results_of",
    "runtime",
    "scoring_network",
    "split_rule",
    "task_options",
    "task_type",
    "training",
    "training_data",
    "untrained_network",
]
