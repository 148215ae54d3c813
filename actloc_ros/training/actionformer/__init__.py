"""Train ActionFormer to find segments of actions in whole recordings."""
