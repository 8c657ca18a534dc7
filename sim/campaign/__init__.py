"""Campaigns: random graphs through every rung of the ladder, over many processes, resumable, with a report."""
