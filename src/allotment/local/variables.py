"""The environment variables that `allot up` sets for its workers. They are between the two and no interface."""

LIFELINE = "ALLOTMENT_LIFELINE"
"""Names the descriptor whose end of file tells a worker that its supervisor is gone."""

REPORT = "ALLOTMENT_REPORT"
"""Names the descriptor on which a worker says that it consumes, and how it is."""

GRACE = "ALLOTMENT_GRACE"
"""Seconds a worker that lost its supervisor may go on with what it runs."""

SNAPSHOT = "ALLOTMENT_SNAPSHOT"
"""Names the file that holds the fleet file and the app's tasks as they were proved."""

MARK = "ALLOTMENT_WORKER"
"""Holds whose process this is. The worker leaves it to all that its tasks start, which is known by it."""
