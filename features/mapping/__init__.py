"""A company's own systems, files and databases, mapped to the source contract by TOML."""
