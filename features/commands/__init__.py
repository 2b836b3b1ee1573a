"""The commands of `tierwise features`, one a module."""
