"""Sources with one thing made worse, for stress tests: what would the grades do?

A perturbation changes the tables behind a snapshot and nothing else; the same
dimensions, bundle and scheme then run on them. ``kinds.py`` lists what can be done to the
tables, ``apply.py`` does it.
"""
