"""Alembic's revisions of a study's tables."""
