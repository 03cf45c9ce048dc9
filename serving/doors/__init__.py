"""The paths of the API: each reads its parameters, asks, and writes the answer."""
