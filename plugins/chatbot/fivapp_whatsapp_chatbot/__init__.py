"""Menus and forms for WhatsApp, described in TOML: a plugin for fivapp-whatsapp."""
