"""GTFS-Realtime: where the vehicles of public transport are."""
