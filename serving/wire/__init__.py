"""How answers go over the wire: validators, compression, links, and writes done once."""
