"""The door: raw tables are cast, checked, split into accepted and refused rows, and kept."""
