"""Actions taught by a few examples, beside what any localizer with features knows."""
