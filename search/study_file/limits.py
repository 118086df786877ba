"""Beyond these, no database, clock or 32-bit float goes; only who gets there is told of them."""

MOST = 2**31 - 1  # of what is counted: PostgreSQL's integer
MOST_TIME = 1e9  # hours, minutes and seconds, which clocks add to their own; GiB, in bytes
MOST_LOSS = 3.4e38
