"""Who is asking: keys of machines, accounts of people, sign-ins, limits."""
