"""What two applications or more use. Nothing here imports `applications`."""
