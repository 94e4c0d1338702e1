"""What plugins do with what happens: told of events, asked for replies, woken by timers, and belted while they do."""
