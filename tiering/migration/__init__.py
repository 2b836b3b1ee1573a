"""The tier a customer holds over time: a policy between the raw tier and the one in force."""
