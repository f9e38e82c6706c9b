"""Sound: its files and folders, and the layers that read it in the graph."""
