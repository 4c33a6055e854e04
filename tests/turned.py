"""A clock that a test turns: sleeping takes no time."""

from scanner.revoke.clock import Steady


class TurnedClock:
    def __init__(self, now=1_800_000_000.0):
        self.time = now
        self.slept = 0.0
        self.turned = 0.0

    def now(self):
        return self.time

    def steady(self):
        return Steady("test", self.time - self.turned)

    def sleep(self, seconds):
        self.time += seconds
        self.slept += seconds

    def turn(self, seconds):
        """Set the time of day, while no time passes."""
        self.time += seconds
        self.turned += seconds
