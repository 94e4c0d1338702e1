"""The bridge to browsers and programs: Litestar -> Gateway."""
