"""The sampler behind `fit`: modes, preconditioned NUTS, diagnostics with remedies."""
