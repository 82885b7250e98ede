"""What must hold though programs die, and hosts lose, repeat and reorder: real files, real signatures, no luck."""
