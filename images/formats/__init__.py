"""Formats of files, one file each: what a header may claim is checked here, before a decoder sees the pixels."""
