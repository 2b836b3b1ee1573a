"""The typed Python client of Tierwise's API: ``from tierwise_client.client import Client``."""
