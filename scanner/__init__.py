"""unleak finds leaked GitHub credentials and gets them revoked."""
