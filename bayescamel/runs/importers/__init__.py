"""Other people's tables, turned into ours."""
