"""Interfaces of departments that are asked for their records, page by page."""
