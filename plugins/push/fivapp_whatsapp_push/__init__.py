"""Browser notifications for agents who are not watching: a plugin for fivapp-whatsapp."""
