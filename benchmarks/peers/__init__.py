"""Other orchestrators doing the same work on the same machine, each in a file of its own, in an environment of their own."""
