"""The study: asks for runs, is told what they measured, and survives what workers do."""
