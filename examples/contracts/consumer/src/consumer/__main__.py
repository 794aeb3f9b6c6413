"""Start a worker: `python -m consumer`, with the options of `celery worker`."""

import sys

from consumer.app import app

if __name__ == "__main__":
    app.worker_main(["worker", "--loglevel", "info", *sys.argv[1:]])
