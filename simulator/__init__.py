"""A simulated city with a known truth, in the formats and over the transports of a real one.

`City` holds what stands and moves in it, a pure function of seed, entity and time. `sources` join that to a format of
`payloads`, with the known faults of `faults`; `serving` puts them on HTTP, MQTT and into a folder as the city's `clock`
goes; `run.simulate` is all of it as a process. `truth.Truth` says what a pipeline's figures must come to, and
`deploy/feeds/demo` holds the feeds that read it.
"""
