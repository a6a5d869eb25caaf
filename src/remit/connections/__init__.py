"""Outside systems that a workspace's agents may be connected to: kept by name, described in a browser, tried, pinned."""
