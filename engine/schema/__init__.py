"""The configuration: every key with its type and range, and how a file is read and checked."""
