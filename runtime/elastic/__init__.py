"""Elasticsearch: the client, the templates, bulk writing that loses nothing, generations."""
