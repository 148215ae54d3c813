"""The node `action_monitor`: detections in, alarms out."""
