"""Kibana as code: data views and dashboards, from the contracts and one file that says what is worth showing."""
