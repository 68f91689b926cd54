"""Records of what was measured, and what is made from them: tables, pictures, comparisons, README."""
