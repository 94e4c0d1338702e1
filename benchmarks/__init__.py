"""`make bench`: real servers as processes, ours and the yardstick in turn, in one run on one machine."""
