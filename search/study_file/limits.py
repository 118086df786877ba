"""Technical limits, mentioned in messages only when a value exceeds them."""

MOST = 2**31 - 1  # largest count: PostgreSQL's integer
MOST_TIME = 1e9  # hours, minutes or seconds, so that sums with clock times don't overflow; GiB
MOST_LOSS = 3.4e38  # largest 32-bit float
