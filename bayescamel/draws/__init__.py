"""What comes out of a fit: draws with named dimensions, and what is read off them."""
