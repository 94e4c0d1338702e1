"""What a plugin is: found, checked, configured, and called safely; nothing here knows what is done with an answer."""
