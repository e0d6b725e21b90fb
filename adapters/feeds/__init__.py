"""Feeds come in here: any published shape or our own line, one item out for each record in, in order."""

from adapters.feeds.read import read

__all__ = ["read"]
