"""The columns of tables: their kinds, what stands in them, and the numbers that models get."""
