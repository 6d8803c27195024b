"""The run table: read, checked, written, and what sizes and names it holds."""
