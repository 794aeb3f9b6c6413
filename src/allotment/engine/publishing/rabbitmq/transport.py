"""Kombu's transport for RabbitMQ, with our connections."""

from kombu.transport import pyamqp

from allotment.engine.publishing.rabbitmq.connection import Connection


class Transport(pyamqp.Transport):
    """`amqp://`."""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """`amqps://`."""

    Connection = Connection
