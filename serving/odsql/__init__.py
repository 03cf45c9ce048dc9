"""The query language of the Explore API v2.1 (ODSQL), as far as it is spoken here: text in, typed questions out."""
