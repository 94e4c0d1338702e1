"""The WhatsApp gateway of a company's main application."""
