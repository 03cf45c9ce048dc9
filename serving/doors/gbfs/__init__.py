"""GBFS 3.0: bike sharing systems with docks, one for each tenant."""
