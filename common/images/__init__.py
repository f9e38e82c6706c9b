"""Images: their files, and the layers that decode them in the graph."""
