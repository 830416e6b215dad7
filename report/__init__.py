"""Pages for people: report.html of a run and of a folder of predictions, each a single file that loads nothing."""
