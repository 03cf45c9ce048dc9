"""What runs the jobs: the only place that knows sessions, streams, checkpoints and Elasticsearch."""
