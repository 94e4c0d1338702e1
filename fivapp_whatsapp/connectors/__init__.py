"""Bridges to connection services: httpx -> Connector."""
