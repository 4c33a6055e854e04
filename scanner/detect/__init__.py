"""A buffer in, matches out: pure, synchronous, without any input or output."""

from scanner.detect.match import Detector

__all__ = ["Detector"]
