"""Questions as typed values, and the only place that asks Elasticsearch for documents."""
