"""Spark types of contracts, derived from their Avro schemas."""

from __future__ import annotations

from pyspark.sql import types as t

from schemas.contract import AvroType, Contract

PRIMITIVES: dict[str, t.DataType] = {
    "string": t.StringType(),
    "boolean": t.BooleanType(),
    "int": t.IntegerType(),
    "long": t.LongType(),
    "float": t.FloatType(),
    "double": t.DoubleType(),
    "bytes": t.BinaryType(),
    "timestamp-micros": t.TimestampType(),
    "timestamp-millis": t.TimestampType(),
    "date": t.DateType(),
}


def struct_of(contract: Contract) -> t.StructType:
    """Spark schema of a contract's rows, in the order of its fields."""
    return t.StructType([t.StructField(f.name, _type(f.avro_type), f.is_optional) for f in contract.fields])


def _type(avro: AvroType) -> t.DataType:
    if isinstance(avro, dict) and avro["type"] == "record":
        return t.StructType([t.StructField(f["name"], _type(f["type"]), nullable=True) for f in avro["fields"]])
    if isinstance(avro, dict) and avro["type"] == "array":
        return t.ArrayType(_type(avro["items"]), containsNull=True)
    name = avro.get("logicalType", avro["type"]) if isinstance(avro, dict) else avro
    return PRIMITIVES[str(name)]
