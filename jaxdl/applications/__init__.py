"""Applications: whole systems made of models and data (translation, summarization, recommendation)."""
