"""Hold the subcommands of `actloc`, one a module."""
