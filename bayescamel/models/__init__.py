"""The same law as a marginal log density for our sampler, a NumPyro and a PyMC program."""
