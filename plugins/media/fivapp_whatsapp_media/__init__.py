"""Keeps the files of conversations, and shows them."""
