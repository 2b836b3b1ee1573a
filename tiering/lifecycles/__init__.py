"""Stages of a customer's life: policies and how they are read."""
