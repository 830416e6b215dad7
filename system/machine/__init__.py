"""The machine itself: its cores, its memory, what a container leaves of them, and what the hardware can do."""
