"""Training of the second look of `joints_n`: whether what `people_n` finds is a person."""
