"""Sound from files, bags and messages, as mono at one rate and by stamps."""
