"""Computing: what these tasks take is a processor."""

import zlib

from three_servers.celery import app


@app.task
def encode(frames):
    """Compress frames, each a text; give how many bytes they came to."""
    return sum(len(zlib.compress(frame.encode(), level=9)) for frame in frames)


@app.task
def train_ranking(views, rounds):
    """Fit a line through points by gradient descent; give its slope."""
    slope = 0.0
    for _ in range(rounds):
        gradient = sum(2 * x * (slope * x - y) for x, y in views) / len(views)
        slope -= 0.01 * gradient
    return round(slope, 6)
