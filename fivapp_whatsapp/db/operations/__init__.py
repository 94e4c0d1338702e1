"""What can be changed: each operation says which rows it needs and changes them as plain Python."""
