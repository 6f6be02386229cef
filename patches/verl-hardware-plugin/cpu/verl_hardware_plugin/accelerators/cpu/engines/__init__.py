"""Training engines for the CPU."""
