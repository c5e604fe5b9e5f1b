"""How hard the rules are searched for mistakes: moderately by default, HYPOTHESIS_PROFILE=thorough for a long look."""

import os

from hypothesis import HealthCheck, settings

slow_is_fine = [HealthCheck.too_slow]  # on a busy machine; a test that does too much is seen by its duration

settings.register_profile("default", deadline=None, max_examples=150, suppress_health_check=slow_is_fine)
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=slow_is_fine)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
