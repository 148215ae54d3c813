"""The node action_localizer: inputs, one worker, outputs."""
