"""The simulated connection service: fake phones for demos and tests."""
