"""Server-rendered pages: router → view model → template, in English and Chinese."""
