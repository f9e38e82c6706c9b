"""The contenders: each module here is run as a process in the environment of its framework."""
