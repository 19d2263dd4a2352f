"""Jingxi: a policy decision point that masks customer data field by field."""

__version__ = "0.1.0"
