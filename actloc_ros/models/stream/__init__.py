"""The streaming localizer: one frame's cost a frame, the past in a state of fixed size."""
