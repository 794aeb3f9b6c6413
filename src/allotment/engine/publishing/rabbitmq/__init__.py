"""RabbitMQ: kombu's transport with a deadline on each step, and with the broker's word on each message."""
