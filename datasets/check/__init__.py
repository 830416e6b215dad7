"""The check of a data folder: everything that is wrong with it, and facts about it."""
