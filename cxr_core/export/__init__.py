"""Results for other programs and people, made from records alone."""
