"""``python -m tierwise`` is the console command."""

from __future__ import annotations

from tierwise.cli import main

if __name__ == "__main__":
    main()
