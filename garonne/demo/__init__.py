"""`garonne demo`: a simulated city through the whole pipeline, looked at live and compared with its truth."""
