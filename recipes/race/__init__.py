"""A fair race: TRL, stock verl in two ways, and verl-reflect, at the same work."""
