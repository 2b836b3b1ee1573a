"""The composition root: one console command over all packages."""
