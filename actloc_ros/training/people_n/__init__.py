"""Train `people_n` on photographs."""
