"""Recommendation: lists for a user, similar items, and how good the predictions are."""
