"""Pushing what happened: webhooks, their signatures, and the worker that delivers."""
