"""The catalog from files."""

from ktrlplane.adapters.catalog_files.loading import default_catalog, load_catalog

__all__ = ["default_catalog", "load_catalog"]
