"""Feed broken input of every kind to what reads it: one module a kind in `targets/`."""
