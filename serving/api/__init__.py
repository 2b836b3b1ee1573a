"""HTTP API ``/v1``: endpoints only translate; the work is done by the layers below."""
