"""Hold all that imports rclpy: nodes, parameters, diagnostics."""
