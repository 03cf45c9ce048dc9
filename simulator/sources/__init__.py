"""The sources of a city: each joins things of the city to a format."""
