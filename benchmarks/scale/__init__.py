"""What every command costs at 100 to 1,000,000 runs; see README.md."""
