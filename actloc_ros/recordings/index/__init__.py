"""The index of recordings: a folder of files that are each written whole or not at all."""
