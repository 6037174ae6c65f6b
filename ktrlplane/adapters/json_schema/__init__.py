"""JSON Schema 2020-12 by jsonschema, with sentences of our own."""

from ktrlplane.adapters.json_schema.validator import JsonSchemaValidator

__all__ = ["JsonSchemaValidator"]
