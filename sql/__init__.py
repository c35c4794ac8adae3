"""The search API in SQL: one object per file, the file's name is the object's name."""
