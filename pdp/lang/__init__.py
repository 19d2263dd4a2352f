"""The policy language: `loader` reads YAML into `model`, `check` finds what is wrong, `sentence` tells it in words."""
