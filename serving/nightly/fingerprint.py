"""Fingerprints: the same content gives the same, a frame from memory or from a file."""

from __future__ import annotations

import hashlib

import numpy as np

from features.schema import Frames


def texts_sha256(*texts: str) -> str:
    """Return the SHA-256 (hex) over some texts in their order."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def frame_sha256(frame: Frames, size: int) -> str:
    """Return the SHA-256 (hex) over day, names, customers and values, read ``size`` at a time."""
    digest = hashlib.sha256()
    for text in (frame.as_of.isoformat(), *frame.columns):
        digest.update(text.encode() + b"\0")
    for ids in frame.customers(size):
        digest.update(b"".join(text.encode() + b"\0" for text in ids.tolist()))
    for block in frame.blocks(size):
        values = block.values
        # One pattern of bits for every NaN, and for both zeros.
        digest.update((np.where(np.isnan(values), np.nan, values) + 0.0).tobytes())
    return digest.hexdigest()
