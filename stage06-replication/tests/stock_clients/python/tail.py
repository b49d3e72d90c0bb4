"""A consumer that goes on until it is told to stop, and writes down what it has read."""

import threading


class Tail:
    """`take()` returns what has come meanwhile: partitions, offsets and values."""

    def __init__(self, path, take, close):
        self.path, self.take, self.close = path, take, close
        self.stopping = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        open(path, "w", encoding="ascii").close()
        self.thread.start()

    def run(self):
        try:
            with open(self.path, "a", encoding="ascii", buffering=1) as file:
                while not self.stopping.is_set():
                    for partition, offset, value in self.take():
                        file.write(f"{partition} {offset} {value.decode()}\n")
            self.close()
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return {"error": self.error} if self.error else {}
