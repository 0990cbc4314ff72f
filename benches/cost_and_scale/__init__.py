"""What the relay costs, how long it takes and what bounds it, computed from the template, the benchmark and lists of prices and quotas."""
