"""A clock that a test turns: sleeping takes no time."""


class TurnedClock:
    def __init__(self, now=1_800_000_000.0):
        self.time = now
        self.slept = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds
        self.slept += seconds
