"""What the predict scripts share: inputs, files, answers."""
