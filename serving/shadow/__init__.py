"""A model that grades beside the champion and is never served."""
