"""Tests of hwsim."""
