"""Train `joints_n`: crops of labelled people, their variation, losses, fitting and measuring."""
