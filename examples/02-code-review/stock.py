"""A small stock list of a shop: what there is, what it is worth, what has to be ordered."""

from dataclasses import dataclass


@dataclass
class Item:
    name: str
    count: int
    price: float


def total_value(items):
    """Money bound in the stock."""
    value = 0
    for item in items:
        value += item.count * item.price
    return value


def to_order(items, minimum=5):
    """Names of the items that are nearly gone."""
    return [item.name for item in items if item.count < minimum]


def average_price(items):
    """Average price of an item."""
    return sum(item.price for item in items) / len(items)


def take(items, name, count):
    """Take some pieces of an item out of the stock."""
    for item in items:
        if item.name == name:
            item.count -= count
            return item
    return None


def read_stock(path):
    """Read lines like `cup;12;3.50`."""
    items = []
    for line in open(path):
        name, count, price = line.split(";")
        items.append(Item(name, int(count), float(price)))
    return items
