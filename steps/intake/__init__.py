"""From a dropped file to a taken one: what waits, which version, under which job spec."""
