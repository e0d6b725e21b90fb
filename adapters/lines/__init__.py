"""A court's query-and-control lines (查控): what banks and real-estate registries speak with it."""
