"""The doors to the data: the API, and who sees what through it."""
