"""The commands of `fivapp-whatsapp`, one module for each subject; cli.py loads them as they are used."""
