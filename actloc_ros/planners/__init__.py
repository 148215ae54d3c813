"""What planners are to know of people, in plain numbers: where they go, who meets the robot."""
