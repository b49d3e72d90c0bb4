"""kafka-python, which is the protocol in Python alone."""

import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from driver import record_in, record_out
from load import Load
from tail import Tail

NO_CODEC = "none"


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap.split(",")
        self.member = None
        self.loads = None
        self.tails = None

    def version(self):
        return {"version": kafka.__version__}

    def producer(self, codec, acks, idempotent, bytes_max=None, **more):
        settings = {
            "bootstrap_servers": self.bootstrap,
            "compression_type": None if codec == NO_CODEC else codec,
            "acks": {"0": 0, "1": 1, "all": "all"}[acks],
            "enable_idempotence": idempotent,
            "linger_ms": 20,
            **more,
        }
        if bytes_max:
            settings["max_request_size"] = bytes_max
        return KafkaProducer(**settings)

    def produce(self, topic, partition, codec, acks, idempotent, records, bytes_max=None):
        producer = self.producer(codec, acks, idempotent, bytes_max)
        sent, told = [], []
        try:
            for record in map(record_in, records):
                timestamp = record.pop("timestamp")
                try:
                    sent.append(producer.send(topic, partition=partition, timestamp_ms=timestamp, **record))
                except kafka.errors.KafkaError as error:
                    sent.append(error)
            producer.flush(60)
            for one in sent:
                try:
                    if isinstance(one, Exception):
                        raise one
                    told.append({"offset": one.get(60).offset})
                except kafka.errors.KafkaError as error:
                    told.append({"error": type(error).__name__})
        finally:
            producer.close(10)
        return {"told": told}

    def consumer(self, **more):
        settings = {"bootstrap_servers": self.bootstrap, "auto_offset_reset": "earliest", "enable_auto_commit": False}
        return KafkaConsumer(**{**settings, **more})

    def consume(self, topic, partition, start, count, seconds):
        consumer = self.consumer()
        try:
            where = TopicPartition(topic, partition)
            consumer.assign([where])
            consumer.seek(where, start)
            return {"records": self.take(consumer, count, seconds)}
        finally:
            consumer.close()

    def take(self, consumer, count, seconds):
        until, records = time.monotonic() + seconds, []
        while len(records) < count and time.monotonic() < until:
            for batch in consumer.poll(200, max_records=count - len(records)).values():
                for message in batch:
                    where = (message.partition, message.offset)
                    what = (message.key, message.value, message.headers, message.timestamp)
                    records.append(record_out(*where, *what))
        return records

    def admin(self):
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def create(self, topic, partitions, replicas=-1):
        admin = self.admin()
        admin.create_topics([NewTopic(topic, partitions, replicas)])
        admin.close()
        return {}

    def delete(self, topic):
        admin = self.admin()
        admin.delete_topics([topic])
        admin.close()
        return {}

    def topics(self):
        admin = self.admin()
        names = sorted(admin.list_topics())
        admin.close()
        return {"topics": names}

    def offset_for_time(self, topic, partition, timestamp):
        consumer = self.consumer()
        where = TopicPartition(topic, partition)
        found = consumer.offsets_for_times({where: timestamp})[where]
        consumer.close()
        return {"offset": -1 if found is None else found.offset}

    def join(self, group, topic):
        # How long the others wait for a member that is gone, and how soon a member hears of the others.
        self.member = self.consumer(group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=500)
        self.member.subscribe([topic])
        return {}

    def poll(self, count, seconds):
        records = self.take(self.member, count, seconds)
        return {"records": records, "assigned": sorted(part.partition for part in self.member.assignment())}

    def commit(self):
        self.member.commit()
        return {}

    def leave(self):
        self.member.close()
        return {}

    def load(self, topic, name, partitions, path):
        producer = self.producer("gzip", "all", True, delivery_timeout_ms=300_000, reconnect_backoff_max_ms=1000)

        def send(partition, value, told):
            sent = producer.send(topic, value, partition=partition)
            sent.add_callback(lambda metadata: told(metadata.offset, None))
            sent.add_errback(lambda error: told(None, f"{type(error).__name__}: {error}"))

        def flush():
            producer.flush(180)
            producer.close(30)

        self.loads = Load(name, partitions, path, send, flush)
        return {}

    def stop_load(self):
        return self.loads.stop()

    def tail(self, topic, name, partitions, path):
        consumer = self.consumer(reconnect_backoff_max_ms=1000)
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        consumer.seek_to_beginning()

        def take():
            batches = consumer.poll(100).values()
            return [(one.partition, one.offset, one.value) for batch in batches for one in batch]

        self.tails = Tail(path, take, consumer.close)
        return {}

    def stop_tail(self):
        return self.tails.stop()
