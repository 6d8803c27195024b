"""Every picture; functions return the figure and show nothing."""
