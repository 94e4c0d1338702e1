"""Lets `python -m fivapp_whatsapp` run the command line."""

from .cli import main

main()
