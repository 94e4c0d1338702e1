"""The bridge to the databases: Piccolo -> Store."""
