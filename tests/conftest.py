"""What all tests run under: properties draw the same examples each time, and no clock decides.

``pytest --hypothesis-profile=free`` draws new ones.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("fixed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("free", deadline=None)
settings.load_profile("fixed")
