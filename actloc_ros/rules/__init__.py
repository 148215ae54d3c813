"""Rules over detections: zones, lines, actions and motion make alarms. No ROS, no PyTorch."""
