"""What is shown, as Qt's views want it."""
