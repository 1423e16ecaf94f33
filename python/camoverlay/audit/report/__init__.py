"""From rows to a page: statistics, flags, and pictures where something is to be seen.

table ──▶ gather ──▶ flags (clusters, intervals) ──▶ trials ──▶ content ──▶ page
"""
