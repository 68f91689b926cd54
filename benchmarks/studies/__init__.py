"""Measurements that are no training step of one model: growth, many networks, update rules, neighbors, memory."""
