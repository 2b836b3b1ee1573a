"""The shortest ways from a request to its answer; whatever is unusual takes the long one."""
