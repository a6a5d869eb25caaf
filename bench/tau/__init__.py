"""tau2's retail and airline on the library's own agents, with attacks of our own. See bench/tau2.py."""
