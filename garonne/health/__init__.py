"""The feeds' own health: what they said last, and whether that is as old as they declare."""
