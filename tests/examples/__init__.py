"""Tests of the plugins in examples/, written as their authors would: with the kit."""
