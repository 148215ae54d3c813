"""Hold all that imports rclpy: nodes, conversions, parameters, diagnostics."""
