"""A kombu transport for servers of the Redis family that loses no message and keeps the lengths of the plan's queues.

It stands in for kombu's own (`kombu/transport/redis.py`, 5.7) at producers and workers of a fleet, and keeps everything
in the same keys and the same form, so that plain kombu may stand at the other side.
"""
