"""Text: its files and tables, and the layers that read and write it in the graph."""
