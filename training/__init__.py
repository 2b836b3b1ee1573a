"""From published indicators to a signed-off model bundle.

``models`` learn, ``bundle`` freezes them for the service, ``evaluation`` judges, ``card``
tells people, ``registry`` releases; ``pipeline`` walks that road once. ``recipes`` and
``scenarios`` hold every number of it.
"""
