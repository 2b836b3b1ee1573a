"""Schema migrations, run by ``Database.upgrade``; revisions are numbered 0001, 0002, ..."""
