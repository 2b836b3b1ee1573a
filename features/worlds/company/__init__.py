"""The simulated B2B company: latent truths of its accounts, and the documents that follow."""
