"""confluent-kafka, which is librdkafka for Python."""

import time

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driver import record_in, record_out
from load import Load
from tail import Tail


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.member = None
        self.loads = None
        self.tails = None

    def version(self):
        return {"version": f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"}

    def common(self, **more):
        return {"bootstrap.servers": self.bootstrap, **more}

    def producer(self, codec, acks, idempotent, bytes_max=None, **more):
        settings = self.common(
            **{
                "compression.codec": codec,
                "acks": acks,
                "enable.idempotence": idempotent,
                "linger.ms": 20,
                **more,
            }
        )
        if bytes_max:
            settings["message.max.bytes"] = bytes_max
        return Producer(settings)

    def produce(self, topic, partition, codec, acks, idempotent, records, bytes_max=None):
        producer = self.producer(codec, acks, idempotent, bytes_max)
        told = [None] * len(records)

        def noting(number):
            def note(error, message):
                told[number] = {"error": error.name()} if error else {"offset": message.offset()}

            return note

        for number, record in enumerate(map(record_in, records)):
            timestamp = record.pop("timestamp")
            more = {} if timestamp is None else {"timestamp": timestamp}
            try:
                producer.produce(topic, partition=partition, on_delivery=noting(number), **record, **more)
            except KafkaException as error:
                # What is too large for the client's own limit never leaves it.
                told[number] = {"error": error.args[0].name()}
        left = producer.flush(60)
        return {"told": told} if left == 0 else {"error": f"{left} records were not delivered in time"}

    def consume(self, topic, partition, start, count, seconds):
        consumer = Consumer(self.common(**{"group.id": "unused", "enable.auto.commit": False}))
        try:
            where = OFFSET_BEGINNING if start == 0 else start
            consumer.assign([TopicPartition(topic, partition, where)])
            return {"records": self.take(consumer, count, seconds)}
        finally:
            consumer.close()

    def take(self, consumer, count, seconds):
        until, records = time.monotonic() + seconds, []
        while len(records) < count and time.monotonic() < until:
            for message in consumer.consume(min(1000, count - len(records)), 0.2):
                if message.error():
                    # librdkafka tells of what it gets over by itself.
                    if message.error().fatal():
                        raise KafkaException(message.error())
                    continue
                timestamp = message.timestamp()[1]
                records.append(
                    record_out(
                        message.partition(),
                        message.offset(),
                        message.key(),
                        message.value(),
                        message.headers(),
                        timestamp,
                    )
                )
        return records

    def create(self, topic, partitions, replicas=-1):
        admin = AdminClient(self.common())
        for done in admin.create_topics([NewTopic(topic, partitions, replicas)]).values():
            done.result(30)
        return {}

    def delete(self, topic):
        admin = AdminClient(self.common())
        for done in admin.delete_topics([topic]).values():
            done.result(30)
        return {}

    def topics(self):
        return {"topics": sorted(AdminClient(self.common()).list_topics(timeout=30).topics)}

    def offset_for_time(self, topic, partition, timestamp):
        consumer = Consumer(self.common(**{"group.id": "unused"}))
        found = consumer.offsets_for_times([TopicPartition(topic, partition, timestamp)], timeout=30)
        consumer.close()
        return {"offset": found[0].offset}

    def join(self, group, topic):
        settings = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        # How long the others wait for a member that is gone, and how soon a member hears of the others.
        settings |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
        self.member = Consumer(self.common(**settings))
        self.member.subscribe([topic])
        return {}

    def poll(self, count, seconds):
        records = self.take(self.member, count, seconds)
        return {"records": records, "assigned": sorted(part.partition for part in self.member.assignment())}

    def commit(self):
        self.member.commit(asynchronous=False)
        return {}

    def leave(self):
        self.member.close()
        return {}

    def load(self, topic, name, partitions, path):
        producer = self.producer("lz4", "all", True, **{"message.timeout.ms": 300_000})

        def send(partition, value, told):
            def note(error, message):
                told(None if error else message.offset(), error and error.name())

            producer.produce(topic, value, partition=partition, on_delivery=note)
            producer.poll(0)

        def flush():
            left = producer.flush(180)
            if left:
                raise TimeoutError(f"{left} records were not delivered in time")

        self.loads = Load(name, partitions, path, send, flush)
        return {}

    def stop_load(self):
        return self.loads.stop()

    def tail(self, topic, name, partitions, path):
        consumer = Consumer(self.common(**{"group.id": name, "enable.auto.commit": False}))
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])

        def take():
            messages = consumer.consume(1000, 0.1)
            fatal = [message.error() for message in messages if message.error() and message.error().fatal()]
            if fatal:
                raise KafkaException(fatal[0])
            return [(one.partition(), one.offset(), one.value()) for one in messages if not one.error()]

        self.tails = Tail(path, take, consumer.close)
        return {}

    def stop_tail(self):
        return self.tails.stop()
