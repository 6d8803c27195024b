"""Text to train on: from packages of the ordinary registries, or a user's own."""
