"""Reading the setting that names products which are at the payment provider already."""

from ktrlplane.domain.ids import ProductId
from ktrlplane.domain.offering import KeptProduct
from ktrlplane.entrypoints.setting_values import words


def kept_products(text: str) -> tuple[KeptProduct, ...]:
    """Raises: ValueError, as other readers of settings."""
    return tuple(map(_kept_product, words(text)))


def _kept_product(text: str) -> KeptProduct:
    tier, _, product_id = text.partition("=")
    kind, _, sku = tier.partition(":")
    if kind and sku and ProductId.takes(product_id):
        return KeptProduct(type=kind, sku=sku, product_id=ProductId(product_id))
    raise ValueError("a comma-separated list such as Konnektr.Graph:standard=prod_1a2b3c")
