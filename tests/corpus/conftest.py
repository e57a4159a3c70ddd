"""Nothing in the corpus is a test: it is what tests read."""

collect_ignore_glob = ["*"]
