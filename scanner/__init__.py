"""unleak finds leaked GitHub credentials and gets them revoked."""

__version__ = "0.1.0"
