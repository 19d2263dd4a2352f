"""What the program knows without a window: texts, forms, filters, conditions. No Qt here."""
