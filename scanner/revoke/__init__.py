"""From the ledger to GitHub: a budget, batches, one meaning for each answer, and one dispatcher."""
