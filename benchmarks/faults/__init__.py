"""`make faults`: a load, something that goes wrong meanwhile, and a look at what is there afterwards."""
