"""Twenty questions that a city asks: how Elasticsearch and the API are asked them, and what both answer."""
