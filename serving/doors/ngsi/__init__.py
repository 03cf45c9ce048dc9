"""NGSI-LD (ETSI GS CIM 009), read: entities as they are, their evolution in time, and their types."""
