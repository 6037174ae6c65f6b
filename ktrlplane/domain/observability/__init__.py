"""Queries of the logs and metrics of one resource, in backends that all tenants share (R8).

A query is parsed whole by a parser that knows no more than the backend's own, and every selector
in it gets a matcher that names the resource. What is not understood is refused.
"""
