"""hwsim beside its peers: each in a virtual environment of its own, on the same network, as whole processes."""
