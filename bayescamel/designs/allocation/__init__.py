"""How to split a budget over sizes, before a FLOP is spent."""
