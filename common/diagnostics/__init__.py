"""What recurrent networks do inside, measured on one's own machine and model."""
