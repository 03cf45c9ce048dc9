"""A city on the network: its sources over HTTP and MQTT and as files, as its clock goes."""
