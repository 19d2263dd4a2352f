"""The one configuration: `kinds` of values, `definition` of settings, `load` and `show` them, and their `reference`."""
