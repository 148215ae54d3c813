"""Find moments in an index of recordings: queries, words, examples, and what comes out."""
