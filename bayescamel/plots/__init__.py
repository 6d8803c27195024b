"""Every plot; functions return the figure and show nothing."""
