"""What the nightly batch needs to grade any number of customers in little memory."""
