"""Fixtures and fakes for tests of plugins and of programs that embed the gateway."""
