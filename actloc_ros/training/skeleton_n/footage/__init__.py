"""What people_n finds in real footage, also where that is filmed again."""
