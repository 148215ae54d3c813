"""The node `planner_bridge`: people as stock planners read them; a module for each output."""
