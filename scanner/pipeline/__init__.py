"""From units to findings: scan in workers, group by secret, work out where each hit came from."""
