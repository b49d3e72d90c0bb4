"""A producer that goes on until it is told to stop, and writes down what was acknowledged."""

import threading
import time

# The pause between two rounds, in each of which every partition gets a record.
PAUSE = 0.01


class Load:
    """`send(partition, value, told)` hands a record to the library; `told(offset, error)` is called when it is known.

    Each line of the file is what was acknowledged: partition, offset, value. A value names its producer, its partition
    and its number.
    """

    def __init__(self, name, partitions, path, send, flush):
        self.name, self.partitions, self.path = name, partitions, path
        self.send, self.flush = send, flush
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = 0
        self.sent = 0
        self.errors = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        number = 0
        try:
            with open(self.path, "a", encoding="ascii") as file:
                while not self.stopping.is_set():
                    for partition in range(self.partitions):
                        value = f"{self.name}/{partition}/{number}"
                        self.send(partition, value.encode(), self.noting(file, partition, value))
                    number += 1
                    time.sleep(PAUSE)
                self.flush()
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        self.sent = number * self.partitions

    def noting(self, file, partition, value):
        def told(offset, error):
            with self.lock:
                if error is None:
                    file.write(f"{partition} {offset} {value}\n")
                    self.acknowledged += 1
                else:
                    self.errors.append(f"{value}: {error}")

        return told

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return {"sent": self.sent, "acknowledged": self.acknowledged, "errors": self.errors[:20]}
