"""What leaves the program: one module a format, and progress. Every string in it passes the redactor."""
