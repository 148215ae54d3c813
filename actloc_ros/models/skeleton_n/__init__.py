"""skeleton_n: what people do, from the motion of their joints."""
