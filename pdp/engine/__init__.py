"""The decision path: `bundle` in, `program` made of it, decisions out."""
